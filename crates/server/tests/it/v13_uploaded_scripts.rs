//! アップロードファイルによるサーバ側スクリプト実行: what is uploaded is a file to save, under no name of its own.

use super::attack::city;
use super::browser::Browser;
use super::site::Site;
use super::walk::concrete;
use super::wire::Reply;
use yakujo_server::routes::{ROUTES, Verb};

const SCRIPT: &str = "<?php echo 1; ?>#!/bin/sh\n<script>alert(1)</script>uploaded-5a1e";
const KIND: [(&str, &str); 2] =
    [("Content-Type", "multipart/form-data; boundary=b"), ("Sec-Fetch-Site", "same-origin")];

/// The body of a form with a file of this name.
fn upload(browser: &Browser, name: &str, fields: &[(&str, &str)]) -> String {
    let mut all = vec![("csrf", browser.csrf.as_str()), ("seen", browser.seen.as_str())];
    all.extend(fields);
    let part = |(field, value): (&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n")
    };
    let fields: String = all.into_iter().map(part).collect();
    let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n");
    format!("{fields}--b\r\n{head}Content-Type: text/html\r\n\r\n{SCRIPT}\r\n--b--\r\n")
}

const DOCUMENT: [(&str, &str); 5] = [
    ("title", "手順書"),
    ("kind", "procedure"),
    ("audience", "operator"),
    ("version", "1\"; filename=\"x.html"),
    ("reason", "試験"),
];

const NAMES: [&str; 5] = ["shell.php", "shell.sh", "../../shell.html", "a.svg", "/etc/cron.d/x"];

async fn register(browser: &Browser, name: &str) -> Reply {
    let body = upload(browser, name, &DOCUMENT);
    browser.send("POST", "/c/main/documents/new", &KIND, &body).await
}

/// All files of the site, and whether somebody may run them.
fn files(site: &Site) -> Vec<(String, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut found, mut folders) = (Vec::new(), vec![site.folder.path().to_owned()]);
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), path.metadata().unwrap().permissions().mode()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_script_has_no_name_cannot_be_run_and_is_only_saved() {
    let site = Site::start().await;
    let mut browser = site.contractor().await;
    browser.get("/c/main/documents/new").await;
    for name in NAMES {
        let reply = register(&browser, name).await;
        assert_eq!(reply.status, 303, "{name}: {}", reply.body);
        let file = browser.get(&format!("{}/file", reply.header("location"))).await;
        assert!(file.body.contains(SCRIPT), "{name}");
        assert_eq!(file.header("content-type"), "application/octet-stream");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        let saved = file.header("content-disposition");
        assert!(saved.starts_with("attachment; filename=\"") && saved.matches('"').count() == 2, "{saved}");
        assert!(file.header("content-security-policy").contains("default-src 'none'"));
    }
    for (path, mode) in files(&site) {
        assert!(!path.contains("shell") && !path.contains(".svg") && !path.contains("cron"), "{path}");
        assert_eq!(mode & 0o111, 0, "{path} may be run");
        let name = path.rsplit('/').next().unwrap();
        for address in
            [format!("/documents/{name}"), format!("/c/main/{name}"), format!("/static/{name}/{name}")]
        {
            assert_eq!(browser.get(&address).await.status, 404, "{address}");
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_form_keeps_a_file() {
    let (site, mut browser) = city().await;
    browser.get("/c/main/bundle").await;
    let before = files(&site).iter().filter(|(path, _)| path.contains("/documents/")).count();
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Post && !route.path.ends_with("sign-out")) {
        let body = upload(&browser, "shell.php", &[]);
        let reply = browser.send("POST", &concrete(&site, route.path), &KIND, &body).await;
        assert!(reply.status < 500 && !reply.body.contains(SCRIPT), "{}", route.path);
    }
    assert_eq!(files(&site).iter().filter(|(path, _)| path.contains("/documents/")).count(), before);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_bounded_and_not_taken_from_a_stranger() {
    let (site, browser) = city().await;
    let large = "x".repeat(33 * 1024 * 1024);
    let reply = browser.try_send("POST", "/c/main/bundle", &KIND, &large).await;
    assert!(reply.is_none_or(|reply| reply.status == 422), "over the limit");
    let mut stranger = site.stranger();
    stranger.get("/c/main/sign-in").await;
    assert_eq!(stranger.send("POST", "/c/main/sign-in", &KIND, "--b--\r\n").await.status, 404);
    site.stop().await;
}
