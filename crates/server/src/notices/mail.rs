//! Notices by mail. A mail says what there is in one sentence of ours, and where; of standings, findings and hosts it says
//! only that there is something. It holds no details and approves nothing: whoever follows its link signs in, and has
//! done nothing by that.
//!
//! Line ends in whatever is put into a header are impossible: addresses are parsed, subjects are of our own words and
//! encoded, and everything else stands in the body.

use crate::notices::pacing::Pacing;
use crate::notices::plan::{Kind, Notice, Urgency};
use crate::office::Office;
use crate::people::PeopleError;
use crate::people::mail::{Again, Letter};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use yakujo_contract::calendar::wareki;

/// Looked at together.
const AT_ONCE: u32 = 200;
/// One try lasts at most so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why mails wait where nobody set mail up, or took it away again.
pub const NO_FILE: &str = "there is no mail.toml";

/// How mail goes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailFile {
    /// The mail server.
    pub host: String,
    /// Its port; absent: 465, 587 or 25 by `tls`.
    pub port: Option<u16>,
    /// How the line is protected.
    pub tls: Protection,
    /// The sender.
    pub from: String,
    /// Who signs in, where one has to.
    pub user: Option<String>,
    /// A file with the password, which only its owner may read.
    pub password_file: Option<PathBuf>,
    /// A certificate of an own authority, PEM; absent: those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Where people reach the portal, as `https://portal.example.jp`.
    pub portal_url: String,
}

/// How the line to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// TLS from the first byte.
    Required,
    /// STARTTLS, and nothing without it.
    Starttls,
    /// Plain, to an address of this machine or of a private network only, without a password.
    Local,
}

/// Why mail cannot go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The file.
    #[error("mail.toml cannot be used: {0}")]
    File(String),
    /// The mail server will take it never.
    #[error("refused for good: {0}")]
    Refused(String),
    /// Not now.
    #[error("not sent: {0}")]
    Later(String),
}

/// Sends mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    portal: String,
}

/// A mail before it is one.
pub struct Words {
    /// Subject.
    pub subject: String,
    /// Body.
    pub body: String,
}

/// The address, if it is one that mail can go to.
#[must_use]
pub fn address(text: &str) -> Option<Address> {
    let plain = text.len() <= 254 && text.is_ascii() && !text.contains(|c: char| c.is_control() || c == ' ');
    text.parse().ok().filter(|_| plain)
}

impl Mailer {
    /// Reads `mail.toml` of the data folder; none where there is no such file: then no mail goes out.
    ///
    /// # Errors
    /// [`MailError::File`], with what is wrong.
    pub fn open(data: &Path) -> Result<Option<Self>, MailError> {
        let file = data.join("mail.toml");
        if !file.exists() {
            return Ok(None);
        }
        let failed = |error: &dyn std::fmt::Display| MailError::File(error.to_string());
        let text = std::fs::read_to_string(&file).map_err(|error| failed(&error))?;
        let file: MailFile = toml::from_str(&text).map_err(|error| failed(&error))?;
        Self::of(&file, data).map(Some)
    }

    fn of(file: &MailFile, data: &Path) -> Result<Self, MailError> {
        let wrong = |text: &str| MailError::File(text.to_owned());
        let from: Mailbox = file.from.parse().map_err(|_| wrong("`from` is no address"))?;
        let plain = |c: char| c.is_ascii_graphic();
        if !file.portal_url.starts_with("https://") || !file.portal_url.chars().all(plain) {
            return Err(wrong("`portal_url` begins with https:// and has neither spaces nor line ends"));
        }
        let usual = match file.tls {
            Protection::Required => 465,
            Protection::Starttls => 587,
            Protection::Local => 25,
        };
        let tls = match file.tls {
            Protection::Required => Tls::Wrapper(parameters(file, data)?),
            Protection::Starttls => Tls::Required(parameters(file, data)?),
            Protection::Local if is_near(&file.host) && file.user.is_none() => Tls::None,
            Protection::Local => {
                return Err(wrong(
                    "`tls = \"local\"` needs an address of this machine or a private network, and no user",
                ));
            }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&file.host)
            .port(file.port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some(user) = &file.user {
            builder = builder.credentials(Credentials::new(user.clone(), password(file, data)?));
        }
        let portal = file.portal_url.trim_end_matches('/').to_owned();
        Ok(Self { transport: builder.build(), from, portal })
    }

    /// Sends one mail.
    ///
    /// # Errors
    /// Any [`MailError`].
    pub async fn send(&self, to: &str, id: &str, words: Words) -> Result<(), MailError> {
        let to = address(to).ok_or_else(|| MailError::Refused("no address".to_owned()))?;
        let message = self.message(to, id, words)?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| {
            let words = error.to_string();
            if error.is_permanent() { MailError::Refused(words) } else { MailError::Later(words) }
        })
    }

    fn message(&self, to: Address, id: &str, words: Words) -> Result<Message, MailError> {
        let failed = |error: lettre::error::Error| MailError::Refused(error.to_string());
        let id = format!("<{id}@{}>", self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(words.subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(words.body)
            .map_err(failed)?;
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// This machine or a private network, by the address itself: a name may lead anywhere tomorrow.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => four.is_loopback() || four.is_private(),
        Ok(IpAddr::V6(six)) => six.is_loopback() || six.is_unique_local(),
        Err(_) => false,
    }
}

fn parameters(file: &MailFile, data: &Path) -> Result<TlsParameters, MailError> {
    let failed = |error: &dyn std::fmt::Display| MailError::File(error.to_string());
    let system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    let own = file.ca_file.as_ref().map(|file| data.join(file));
    let path = own.or_else(|| system.iter().map(PathBuf::from).find(|path| path.exists()));
    let path = path.ok_or_else(|| MailError::File("no list of authorities: name `ca_file`".to_owned()))?;
    let pem = std::fs::read(&path).map_err(|error| failed(&error))?;
    let mut builder = TlsParameters::builder(file.host.clone()).certificate_store(CertificateStore::None);
    for block in blocks(&String::from_utf8_lossy(&pem)) {
        builder = builder
            .add_root_certificate(Certificate::from_pem(block.as_bytes()).map_err(|error| failed(&error))?);
    }
    builder.build_rustls().map_err(|error| failed(&error))
}

/// The certificates of a file that holds many.
fn blocks(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let parts = pem.split_inclusive(END).filter(|part| part.ends_with(END));
    parts.map(|part| format!("{}\n", part.trim_start())).collect()
}

fn password(file: &MailFile, data: &Path) -> Result<String, MailError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: &dyn std::fmt::Display| MailError::File(format!("password_file: {error}"));
    let path = file.password_file.as_ref().ok_or_else(|| failed(&"a user needs one"))?;
    let path = data.join(path);
    let mode = std::fs::metadata(&path).map_err(|error| failed(&error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(failed(&"others may read it: chmod 600"));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The data folder of an office: mail goes out the same way for all contracts of a server.
fn data_of(office: &Office) -> &Path {
    office.folder().ancestors().nth(2).unwrap_or_else(|| office.folder())
}

/// Mails the code that proves an address.
///
/// # Errors
/// Any [`MailError`]; where no mail is set up, too.
pub async fn send_code(office: &Office, to: &str, code: &str) -> Result<(), MailError> {
    let mailer = Mailer::open(data_of(office))?;
    let mailer = mailer.ok_or_else(|| MailError::File("there is none: mail is not set up".to_owned()))?;
    let body = format!(
        "約定（{}）のお知らせの宛先を確かめるための番号です。\n\n  {code}\n\n30分以内に、サインインした画面に入力してください。\n\
         心当たりがないときは、何もしないでください。\n",
        office.id()
    );
    let id = format!("code-{}-{}", office.id(), office.now().as_millisecond());
    mailer.send(to, &id, Words { subject: "約定：宛先の確認".to_owned(), body }).await
}

/// Sends what is due until the server ends.
pub async fn send_until(office: Arc<Office>, mut ended: watch::Receiver<()>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(2));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Why nothing goes out; not known at the start: it may have been mended while the server was down.
    let mut last: Option<String> = None;
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        let sent = tokio::select! {
            _ = ended.changed() => return,
            sent = send_or_hold(&office, &mut last) => sent,
        };
        if let Err(error) = sent {
            tracing::error!("mails of {} cannot be looked at: {error}", office.id());
        }
    }
}

async fn send_or_hold(office: &Office, last: &mut Option<String>) -> Result<(), PeopleError> {
    let (mailer, why) = match Mailer::open(data_of(office)) {
        Ok(Some(mailer)) => (Some(mailer), String::new()),
        Ok(None) => (None, NO_FILE.to_owned()),
        Err(error) => (None, error.to_string()),
    };
    // Said once, until something else is wrong.
    if last.as_ref() != Some(&why) {
        if mailer.is_none() && why != NO_FILE {
            tracing::error!("{why}");
        }
        *last = Some(why.clone());
        office.people.release_mail().await?;
    }
    match mailer {
        Some(mailer) => send_due(office, &mailer).await,
        None => office.people.hold_mail(&why, office.now()).await,
    }
}

/// Sends what is due now.
///
/// # Errors
/// When the database fails.
pub async fn send_due(office: &Office, mailer: &Mailer) -> Result<(), PeopleError> {
    let pacing = super::pacing_of(office);
    let letters = office.people.letters(pacing, office.now(), AT_ONCE).await?;
    let mut failing = BTreeSet::new();
    for together in gathered(pacing, letters) {
        let Some(first) = together.first() else { continue };
        // Whoever could not be reached just now is not tried again for every notice that waits for him.
        if failing.contains(&first.person) {
            continue;
        }
        if send(office, mailer, &together).await? == Sent::Later {
            failing.insert(first.person.clone());
        }
    }
    Ok(())
}

/// Letters by mail: what a person wants together is one mail, everything else a mail of its own.
fn gathered(pacing: Pacing, letters: Vec<Letter>) -> Vec<Vec<Letter>> {
    let mut mails: Vec<Vec<Letter>> = Vec::new();
    let gathers = |letter: &Letter| {
        let notice = &letter.kept.notice;
        pacing.gathers(letter.pace, notice.urgency, notice.at)
    };
    for letter in letters {
        let with = mails.iter_mut().find(|mail| {
            mail.first()
                .is_some_and(|first| gathers(first) && gathers(&letter) && first.person == letter.person)
        });
        match with {
            Some(mail) => mail.push(letter),
            None => mails.push(vec![letter]),
        }
    }
    mails
}

/// What became of a mail.
#[derive(PartialEq, Eq)]
enum Sent {
    /// It is with the other server, or will never be.
    Settled,
    /// It is tried again.
    Later,
}

async fn send(office: &Office, mailer: &Mailer, together: &[Letter]) -> Result<Sent, PeopleError> {
    let (Some(first), Some(last)) = (together.first(), together.last()) else { return Ok(Sent::Settled) };
    let id = match together.len() {
        1 => format!("{}-{}", office.id(), first.number),
        _ => format!("{}-{}-{}", office.id(), first.number, last.number),
    };
    let words = words(office.id().as_str(), &mailer.portal, together);
    let (again, why) = match mailer.send(&first.address, &id, words).await {
        Ok(()) => {
            for letter in together {
                office.people.sent(letter.number).await?;
            }
            return Ok(Sent::Settled);
        }
        Err(MailError::Refused(why)) => (Again::Never, why),
        Err(MailError::File(why) | MailError::Later(why)) => (Again::Later, why),
    };
    for letter in together {
        office.people.not_mailed(letter, again, &why, office.now()).await?;
    }
    Ok(if again == Again::Later { Sent::Later } else { Sent::Settled })
}

/// What a mail about these notices says: what, when, where.
#[must_use]
pub fn words(contract: &str, portal: &str, together: &[Letter]) -> Words {
    let count = together.len();
    let kind = together.first().map(|letter| letter.kept.notice.kind.name().0).unwrap_or_default();
    let urgent = together.iter().any(|letter| letter.kept.notice.urgency == Urgency::Urgent);
    let mark = if urgent { "【至急】" } else { "" };
    let subject = match count {
        1 => format!("{mark}約定：{kind}のお知らせ"),
        _ => format!("{mark}約定：お知らせ {count}件"),
    };
    let lines = together.iter().map(|letter| {
        let notice = &letter.kept.notice;
        let (what, when, link) = (flat(&what(notice)), wareki(notice.at), flat(&notice.link));
        format!("- {what}（{when}）\n  {portal}/c/{contract}{link}\n")
    });
    let mut body = String::from("約定にお知らせがあります。\n\n");
    body.extend(lines);
    body.push_str(&format!(
        "\n内容の確認と承認にはサインインが必要です。リンクを開いても、このメールに返信しても、承認や申請をしたことにはなりません。\n\
         宛先と頻度の変更: {portal}/c/{contract}/account/mail\n"
    ));
    Words { subject, body }
}

/// In one line, whatever it is.
fn flat(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if ends(c) { ' ' } else { c }).collect()
}

/// The line of a notice. What shows where a system is weak does not travel by mail.
fn what(notice: &Notice) -> String {
    let kind = notice.kind.name().0;
    // What is about a request carries its number; deadlines of findings, malware and isolation name a rule or a host.
    let of_request = notice.link.starts_with("/requests/") && !notice.link.starts_with("/requests/new/");
    let travels = match notice.kind {
        Kind::Standing | Kind::Finding | Kind::Silence => false,
        Kind::Due | Kind::Incident => of_request,
        Kind::Request | Kind::Proposal | Kind::Disclosure | Kind::Comment => true,
    };
    let words =
        if travels { notice.sentence.ja.as_str() } else { "内容は画面で確かめてください。" };
    format!("{kind}：{words}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(tls: &str, host: &str, more: &str) -> Result<Mailer, MailError> {
        let text = format!(
            "host = \"{host}\"\ntls = \"{tls}\"\nfrom = \"約定 <yakujo@example.jp>\"\nportal_url = \"https://p.example.jp\"\n{more}"
        );
        let file: MailFile = toml::from_str(&text).map_err(|error| MailError::File(error.to_string()))?;
        Mailer::of(&file, Path::new("/nonexistent"))
    }

    #[test]
    fn plain_mail_goes_to_near_machines_only_and_never_with_a_password() {
        assert!(file("local", "127.0.0.1", "").is_ok() && file("local", "10.0.0.25", "").is_ok());
        for (tls, host, more) in [
            ("local", "203.0.113.5", ""),
            ("local", "mail.example.jp", ""),
            ("local", "127.0.0.1", "user = \"yakujo\""),
            ("plain", "127.0.0.1", ""),
            ("local", "127.0.0.1", "unknown = 1"),
        ] {
            assert!(file(tls, host, more).is_err(), "{tls} {host} {more}");
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_a_header(text in "(?s).{0,60}", to in "(?s)[ -~\r\n]{0,40}@[a-z\r\n.]{0,20}") {
            let mailer = file("local", "127.0.0.1", "").unwrap();
            let words = Words { subject: text.clone(), body: text };
            let Some(to) = address(&to) else { return Ok(()) };
            let message = mailer.message(to, "main-1", words).unwrap();
            let bytes = message.formatted();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let head = text.split_once("\r\n\r\n").unwrap().0;
            let known = ["From", "To", "Subject", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "Date", "Auto-Submitted", "MIME-Version"];
            for line in head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])) {
                let name = line.split_once(':').map_or(line, |(name, _)| name);
                prop_assert!(known.contains(&name), "{:?}", line);
            }
            prop_assert!(!head.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
