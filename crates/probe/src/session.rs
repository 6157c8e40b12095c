//! A session of a web application, to see whether it is cut when nobody uses it (4.2.a). It is signed in to with an account the
//! operator gave for that, at the agreed target and nowhere else; of what its pages say nothing is kept.

use crate::dial;
use crate::http::{self, Sent};
use crate::look::attribute;
use crate::page::{self, Page};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;
use yakujo_contract::target::{Endpoint, Means, Target};

/// One question takes at most so long.
const LIMIT: Duration = Duration::from_secs(20);
/// Cookies that are kept, and letters of one.
const MOST_COOKIES: usize = 32;
const MOST_LETTERS: usize = 4_096;

/// Whether a session lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It does.
    Alive,
    /// It was ended.
    Ended,
    /// Nothing that tells: no answer, or one that means something else.
    Unclear(String),
}

/// A page that only somebody sees who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Its path and query.
    pub page: String,
    /// What stands on it, and on no page to sign in.
    pub text: String,
}

/// A session that is open.
#[derive(Debug)]
pub struct WebSession {
    target: Target,
    endpoint: Endpoint,
    inside: Inside,
    cookies: BTreeMap<String, String>,
}

/// The addresses of a target that may be tried.
///
/// # Errors
/// Why there is none, for people.
pub async fn addresses(target: &Target) -> Result<(Endpoint, Vec<IpAddr>), String> {
    let endpoint = target.endpoint().map_err(|_| "the address of the target is not understood".to_owned())?;
    let addresses = dial::addresses(&endpoint).await.map_err(|error| error.to_string())?;
    Ok((endpoint, addresses))
}

impl WebSession {
    /// Of somebody who signed in elsewhere: `name=value; name=value`.
    ///
    /// # Errors
    /// Where the target is no page.
    pub fn of_cookies(target: &Target, inside: Inside, cookies: &str) -> Result<Self, String> {
        let mut session = Self::new(target, inside)?;
        cookies.split(';').for_each(|cookie| session.take(cookie));
        Ok(session)
    }

    /// Signs in: fetches the page with the form, and sends it with these fields and the hidden ones that stand in it.
    ///
    /// # Errors
    /// Why that was not answered. Whether it was believed, the first question tells.
    pub async fn sign_in(
        target: &Target,
        inside: Inside,
        form_page: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut session = Self::new(target, inside)?;
        let page = session.exchange(form_page, None).await?;
        session.take_all(&page);
        let form = Form::with_a_password(&page.body);
        let action =
            form.action.filter(|action| action.starts_with('/')).unwrap_or_else(|| form_page.to_owned());
        let mut all = form.hidden;
        all.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        let answer = session.exchange(&action, Some(encoded(&all))).await?;
        session.take_all(&answer);
        Ok(session)
    }

    fn new(target: &Target, inside: Inside) -> Result<Self, String> {
        match target.means {
            Means::Http | Means::Https => {}
            Means::Tcp | Means::Icmp => return Err("the target is no page".to_owned()),
        }
        let endpoint =
            target.endpoint().map_err(|_| "the address of the target is not understood".to_owned())?;
        Ok(Self { target: target.clone(), endpoint, inside, cookies: BTreeMap::new() })
    }

    /// Asks for the page; that is use of the session.
    pub async fn ask(&mut self) -> Asked {
        let page = match self.exchange(&self.inside.page, None).await {
            Ok(page) => page,
            Err(why) => return Asked::Unclear(why),
        };
        match page.status {
            200 if page::holds(&page.body, &self.inside.text) => {
                // Only a session that lives may get another name.
                self.take_all(&page);
                Asked::Alive
            }
            200 | 301..=303 | 307 | 308 | 401 | 403 => Asked::Ended,
            status => Asked::Unclear(format!("status {status}")),
        }
    }

    async fn exchange(&self, path: &str, form: Option<String>) -> Result<Page, String> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sent = Sent { path, cookies: cookies.join("; "), form };
        let answer = tokio::time::timeout(LIMIT, http::exchange(&self.target, &self.endpoint, &sent)).await;
        answer.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())
    }

    fn take_all(&mut self, page: &Page) {
        for cookie in &page.cookies {
            self.take(cookie.split(';').next().unwrap_or_default());
        }
    }

    fn take(&mut self, cookie: &str) {
        let Some((name, value)) = cookie.trim().split_once('=') else { return };
        let fits = name.len().saturating_add(value.len()) <= MOST_LETTERS;
        if value.is_empty() {
            self.cookies.remove(name);
        } else if fits && (self.cookies.len() < MOST_COOKIES || self.cookies.contains_key(name)) {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// The form of a page that asks for a password.
#[derive(Debug, Default, PartialEq, Eq)]
struct Form {
    action: Option<String>,
    hidden: BTreeMap<String, String>,
}

impl Form {
    fn with_a_password(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut form = Self::default();
        for tag in text.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
            let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
            match (name.to_ascii_lowercase().as_str(), kind.as_str()) {
                ("form", _) => form = Self { action: attribute(tag, "action"), ..Self::default() },
                ("input", "hidden") => {
                    if let Some(name) = attribute(tag, "name") {
                        let value = attribute(tag, "value").unwrap_or_default().replace("&amp;", "&");
                        form.hidden.insert(name, value);
                    }
                }
                // Hidden fields stand before it or after it: the rest of this form is read, and no other.
                ("input", "password") => return form.with_the_rest(&text, tag),
                _ => {}
            }
        }
        Self::default()
    }

    fn with_the_rest(mut self, text: &str, password: &str) -> Self {
        let rest = text.split_once(password).map_or("", |(_, rest)| rest);
        let rest = rest.split_once("</form").map_or(rest, |(rest, _)| rest);
        for tag in rest.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            let is_hidden = attribute(tag, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden"));
            if let Some(name) = attribute(tag, "name").filter(|_| is_hidden) {
                self.hidden.insert(name, attribute(tag, "value").unwrap_or_default().replace("&amp;", "&"));
            }
        }
        self
    }
}

/// As forms are sent.
fn encoded(fields: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        percent(&mut text, name);
        text.push('=');
        percent(&mut text, value);
    }
    text
}

fn percent(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte))
            }
            other => {
                // Writing into a text does not fail.
                let _ = write!(text, "%{other:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_with_the_password_is_sent_with_its_hidden_fields_and_no_others() {
        let page = "<form action=/search><input type=hidden name=of value=1></form>\
            <form method=post action='/in'><input type=hidden name=token value='a&amp;b'><input name=user>\
            <input type=password name=pass><input type=HIDDEN name=next value=/></form>\
            <form action=/out><input type=hidden name=all value=1></form>";
        let form = Form::with_a_password(page.as_bytes());
        let hidden =
            [("next", "/"), ("token", "a&b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form, Form { action: Some("/in".to_owned()), hidden: hidden.into() });
        assert_eq!(encoded(&form.hidden), "next=%2F&token=a%26b");
        assert_eq!(Form::with_a_password(b"<p>x</p>"), Form::default());
    }
}
