//! Puts one text into everything a visitor can fill in: parts of paths, fields of queries and forms, cookies, headers.

use super::browser::{Browser, OWN_FORM, escape};
use super::site::{PASSWORD, Site};
use super::walk::concrete;
use super::wire::Reply;
use std::collections::BTreeSet;
use yakujo_contract::act::Role;
use yakujo_server::routes::{ROUTES, Verb};

/// Names of fields that some page reads from its query and no form shows.
const ASKED: [&str; 10] = ["find", "after", "of", "id", "lang", "format", "at", "next", "url", "show"];

/// Where the text was put, and the answer.
pub type Tried = Vec<(String, Reply)>;

/// Every place, as a stranger, as this person, and as somebody of the contractor. Signing out is not tried.
pub async fn everywhere(site: &Site, browser: &Browser, text: &str) -> Tried {
    let mut tried = Vec::new();
    for browser in [site.stranger(), browser.clone(), site.contractor().await] {
        queries(site, &browser, text, &mut tried).await;
        paths(site, &browser, text, &mut tried).await;
        forms(site, browser, text, &mut tried).await;
    }
    let mut odd = site.stranger();
    for name in ["__Host-yakujo-main", "__Host-door-main", "lang"] {
        odd.cookies.insert(name.to_owned(), escape(text));
    }
    tried.push(("cookies".to_owned(), odd.send("GET", "/c/main/sign-in", &[], "").await));
    let headers =
        [("X-Forwarded-For", text), ("User-Agent", text), ("Accept-Language", text), ("Referer", text)];
    let plain: Vec<_> =
        headers.into_iter().filter(|(_, value)| !value.contains(['\r', '\n', '\0'])).collect();
    tried.push(("headers".to_owned(), odd.send("GET", "/c/main/sign-in", &plain, "").await));
    tried
}

/// Papers read nothing from their address (see `lists`), and printing takes long.
fn is_paper(path: &str) -> bool {
    path.ends_with("/pdf")
}

async fn queries(site: &Site, browser: &Browser, text: &str, tried: &mut Tried) {
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get && !is_paper(route.path)) {
        let path = concrete(site, route.path);
        let query: Vec<String> = ASKED.iter().map(|name| format!("{name}={}", escape(text))).collect();
        for query in [query.join("&"), format!("find={}", escape(text)), escape(text)] {
            let whole = format!("{path}?{query}");
            tried.push((whole.clone(), browser.send("GET", &whole, &[], "").await));
        }
    }
}

async fn paths(site: &Site, browser: &Browser, text: &str, tried: &mut Tried) {
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let pieces: Vec<&str> = route.path.split('/').collect();
        for (place, _) in pieces.iter().enumerate().filter(|(_, piece)| piece.starts_with('{')) {
            let mut filled: Vec<String> = concrete(site, route.path).split('/').map(str::to_owned).collect();
            filled[place] = escape(text);
            let path = filled.join("/");
            tried.push((path.clone(), browser.send("GET", &path, &[], "").await));
        }
    }
}

/// Every form with every field that any page of this visitor shows.
async fn forms(site: &Site, mut browser: Browser, text: &str, tried: &mut Tried) {
    let mut names: BTreeSet<String> = ["find", "of"].map(str::to_owned).into();
    for (_, page) in pages(site, &mut browser).await {
        let found = page.body.split("name=\"").skip(1).filter_map(|rest| rest.split('"').next());
        names.extend(found.filter(|name| !["csrf", "seen", "viewport"].contains(name)).map(str::to_owned));
    }
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text)).collect();
    let (body, unsigned) = (browser.form(&browser.csrf, &fields), browser.form(text, &fields));
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Post) {
        let path = concrete(site, route.path);
        tried.push((format!("forged {path}"), browser.send("POST", &path, OWN_FORM, &unsigned).await));
        if !path.ends_with("/sign-out") {
            tried.push((path.clone(), browser.send("POST", &path, OWN_FORM, &body).await));
        }
    }
}

/// Somebody of the city, signed in, and the server.
pub async fn city() -> (Site, Browser) {
    let site = Site::start().await;
    let person = site.person("main", Role::CitySecurity).await;
    let browser = site.sign_in(&person).await;
    (site, browser)
}

/// Every page for reading, as this browser sees it.
pub async fn pages(site: &Site, browser: &mut Browser) -> Tried {
    let mut seen = Vec::new();
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let path = concrete(site, route.path);
        seen.push((path.clone(), browser.get(&path).await));
    }
    seen
}

/// The files of the server's source below a folder, with their paths.
pub fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// No code of the server holds this word; what is said about it does not count.
pub fn nowhere_in_the_code(word: &str) {
    for (path, text) in sources("src", ".rs") {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            assert!(!line.contains(word), "{path}: {line}");
        }
    }
}

/// A sign-in with this name and the right rest.
pub fn right_but_for_the_name(name: &str) -> [(&str, &str); 3] {
    [("login", name), ("password", PASSWORD), ("code", "123456")]
}
