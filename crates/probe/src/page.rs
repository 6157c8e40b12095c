//! Whether a page is the promised one.

use crate::plan::Attempt;
use yakujo_contract::fact::probe::Fault;
use yakujo_contract::target::Expected;

/// What came back.
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// Where it leads, of a redirect.
    pub location: Option<String>,
    /// The content security policy.
    pub policy: Option<String>,
    /// The cookies it sets, as written.
    pub cookies: Vec<String>,
    /// Its beginning, as bytes.
    pub body: Vec<u8>,
}

/// Compares a page with what was promised.
#[must_use]
pub fn compare(expected: &Expected, page: &Page, ms: u32) -> Attempt {
    let wanted = expected.status.unwrap_or(200);
    if page.status != wanted {
        let detail = format!("status {}", page.status);
        return match page.status {
            // The application says itself that it does not work.
            500.. => Attempt::Down { fault: Fault::Status, detail },
            _ => Attempt::Restricted { fault: Fault::Status, detail, ms },
        };
    }
    if let Some(text) = &expected.text
        && !holds(&page.body, text)
    {
        let detail = "the promised text is missing".to_owned();
        return Attempt::Restricted { fault: Fault::Text, detail, ms };
    }
    let missing: Vec<&str> =
        expected.functions.iter().filter(|text| !holds(&page.body, text)).map(String::as_str).collect();
    if !missing.is_empty() {
        let detail: String = format!("missing: {}", missing.join(", ")).chars().take(200).collect();
        return Attempt::Restricted { fault: Fault::Function, detail, ms };
    }
    in_time(expected, ms)
}

/// An answer that is right but for its speed.
#[must_use]
pub fn in_time(expected: &Expected, ms: u32) -> Attempt {
    match expected.latency_ms {
        Some(limit) if ms > limit => {
            Attempt::Restricted { fault: Fault::Slow, detail: format!("{ms} ms, promised {limit} ms"), ms }
        }
        Some(_) | None => Attempt::Up(ms),
    }
}

/// Pages of municipalities are in UTF-8, Shift_JIS or EUC-JP, and not all of them say which: the text is looked for in each.
pub fn holds(body: &[u8], text: &str) -> bool {
    let encodings = [encoding_rs::UTF_8, encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP];
    encodings.iter().any(|encoding| {
        let (bytes, _, failed) = encoding.encode(text);
        !failed && !bytes.is_empty() && body.windows(bytes.len()).any(|part| part == &*bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(text: &str, functions: &[&str]) -> Expected {
        let functions = functions.iter().map(|text| (*text).to_owned()).collect();
        Expected { text: Some(text.to_owned()), functions, latency_ms: Some(500), status: None }
    }

    fn page(status: u16, body: &[u8]) -> Page {
        Page { status, location: None, policy: None, cookies: Vec::new(), body: body.to_vec() }
    }

    #[test]
    fn a_page_is_compared_with_every_promise() {
        let promised = expected("窓口", &["申請", "予約"]);
        let whole = "<h1>窓口</h1> 申請 予約".as_bytes();
        assert_eq!(compare(&promised, &page(200, whole), 20), Attempt::Up(20));
        let fault = |attempt| match attempt {
            Attempt::Restricted { fault, .. } => ("restricted", fault),
            Attempt::Down { fault, .. } => ("down", fault),
            Attempt::Up(_) | Attempt::Cannot(_) => ("", Fault::Broken),
        };
        let rows = [
            (page(503, whole), 20, ("down", Fault::Status)),
            (page(404, whole), 20, ("restricted", Fault::Status)),
            (page(200, "ただいま工事中".as_bytes()), 20, ("restricted", Fault::Text)),
            (page(200, "窓口 申請".as_bytes()), 20, ("restricted", Fault::Function)),
            (page(200, whole), 501, ("restricted", Fault::Slow)),
        ];
        for (page, ms, wanted) in rows {
            assert_eq!(fault(compare(&promised, &page, ms)), wanted);
        }
    }

    #[test]
    fn the_text_is_found_in_each_encoding_that_pages_are_written_in() {
        let promised = expected("住民票", &[]);
        for encoding in [encoding_rs::UTF_8, encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP] {
            let (body, _, _) = encoding.encode("<p>住民票の写し</p>");
            assert_eq!(compare(&promised, &page(200, &body), 1), Attempt::Up(1), "{}", encoding.name());
        }
    }
}
