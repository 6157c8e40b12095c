//! アップロードファイルによるサーバ側スクリプト実行: what is uploaded is run nowhere and lies nowhere.

use super::attack::city;
use super::walk::concrete;
use yakujo_server::routes::{ROUTES, Verb};

const MARK: &str = "uploaded-script-5a1e";

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_script_is_not_stored_under_a_name_not_served_and_not_run() {
    let (site, mut browser) = city().await;
    let kind = [("Content-Type", "multipart/form-data; boundary=b"), ("Sec-Fetch-Site", "same-origin")];
    for name in ["shell.php", "shell.sh", "../../shell.html", "a.svg", "x\0.cgi"] {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n<?php echo 1; // {MARK} ?><script>alert(1)</script>\r\n--b--\r\n",
            browser.csrf
        );
        for route in
            ROUTES.iter().filter(|route| route.verb == Verb::Post && !route.path.ends_with("sign-out"))
        {
            let reply = browser.send("POST", &concrete(&site, route.path), &kind, &body).await;
            assert!(reply.status < 500 && !reply.body.contains(MARK), "{}", route.path);
        }
        for path in [format!("/{name}"), format!("/static/{name}"), format!("/c/main/{name}")] {
            let reply = browser.get(&path.replace('\0', "%00")).await;
            assert!(!reply.body.contains(MARK), "{path}");
        }
    }
    let mut folders = vec![site.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(&folder).unwrap() {
            let path = found.unwrap().path();
            assert!(!path.to_string_lossy().contains("shell"), "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_bounded_and_not_taken_from_a_stranger() {
    let (site, browser) = city().await;
    let kind = [("Content-Type", "multipart/form-data; boundary=b"), ("Sec-Fetch-Site", "same-origin")];
    let large = "x".repeat(33 * 1024 * 1024);
    let reply = browser.try_send("POST", "/c/main/bundle", &kind, &large).await;
    assert!(reply.is_none_or(|reply| reply.status == 422), "over the limit");
    let mut stranger = site.stranger();
    stranger.get("/c/main/sign-in").await;
    assert_eq!(stranger.send("POST", "/c/main/sign-in", &kind, "--b--\r\n").await.status, 404);
    site.stop().await;
}
