//! What a browser does: cookies, the token of a form, and saying where a form came from.

use super::wire::{Reply, Wire};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One browser.
#[derive(Clone)]
pub struct Browser {
    pub wire: Wire,
    pub cookies: BTreeMap<String, String>,
    /// The token of the last page with a form.
    pub csrf: String,
    /// The head of the ledger on the last page with an act.
    pub seen: String,
}

impl Browser {
    pub fn new(wire: Wire) -> Self {
        Self { wire, cookies: BTreeMap::new(), csrf: String::new(), seen: "0".to_owned() }
    }

    /// Any request, with cookies and these headers.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// The same; none where the connection is closed without an answer.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.wire.door);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write!(request, "Cookie: {}\r\n", pairs.join("; ")).unwrap();
        }
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() || method == "POST" {
            write!(request, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.wire.ask(request.as_bytes()).await
    }

    /// Opens a page; keeps its cookies and the token of its forms.
    pub async fn get(&mut self, path: &str) -> Reply {
        let reply = self.send("GET", path, &[], "").await;
        self.learn(&reply);
        reply
    }

    /// Sends a form as the page of the portal would: with its token, from the same origin.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = self.form(&self.csrf, fields);
        let reply = self.send("POST", path, OWN_FORM, &body).await;
        self.learn(&reply);
        reply
    }

    /// The body of a form of a page, with this token.
    pub fn form(&self, csrf: &str, fields: &[(&str, &str)]) -> String {
        let mut all = vec![("seen", self.seen.as_str())];
        all.extend(fields);
        form(csrf, &all)
    }

    /// Saves a file, as it came.
    pub async fn save(&self, path: &str) -> (Reply, Vec<u8>) {
        self.bytes("GET", path, "", &[]).await
    }

    /// Sends a form with a file.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Reply {
        let mut body = Vec::new();
        let own = [("csrf", self.csrf.as_str()), ("seen", self.seen.as_str())];
        for (name, value) in own.iter().chain(fields) {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let kind = "Content-Type: multipart/form-data; boundary=b\r\nSec-Fetch-Site: same-origin\r\n";
        let (mut reply, bytes) = self.bytes("POST", path, kind, &body).await;
        reply.body = String::from_utf8_lossy(&bytes).into_owned();
        reply
    }

    async fn bytes(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (Reply, Vec<u8>) {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            self.wire.door,
            pairs.join("; "),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.wire.bytes(&request).await
    }

    fn learn(&mut self, reply: &Reply) {
        for cookie in reply.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let token = reply.between("name=\"csrf\" value=\"", "\"");
        if !token.is_empty() {
            token.clone_into(&mut self.csrf);
        }
        let seen = reply.between("name=\"seen\" value=\"", "\"");
        if !seen.is_empty() {
            seen.clone_into(&mut self.seen);
        }
    }

    /// The value of the cookie whose name begins so.
    pub fn cookie(&self, begins: &str) -> Option<&str> {
        let mut found = self.cookies.iter().filter(|(name, _)| name.starts_with(begins));
        found.next().map(|(_, value)| value.as_str())
    }
}

/// What browsers send with a form of a page whose referrer policy is `no-referrer`.
pub const OWN_FORM: &[(&str, &str)] = &[
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Origin", "null"),
    ("Sec-Fetch-Site", "same-origin"),
];

/// The body of a form.
pub fn form(csrf: &str, fields: &[(&str, &str)]) -> String {
    let mut pairs = vec![format!("csrf={}", escape(csrf))];
    pairs.extend(fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))));
    pairs.join("&")
}

/// Percent-encodes everything but letters and digits.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
    }
    escaped
}
