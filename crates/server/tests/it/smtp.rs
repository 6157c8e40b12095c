//! A real SMTP server (aiosmtpd) that reads what it gets as a mail program does, and a city that gets mail from there.

use super::browser::Browser;
use super::site::{Person, Site};
use super::wire::{ServersTime, Wire};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use yakujo_contract::act::Role;
use yakujo_contract::id::PersonId;
use yakujo_server::people::mail::Choice;

/// Prints each mail in one line; standard input says what the next ones are answered.
const SERVER: &str = r#"
import email, email.policy, json, ssl, sys
from aiosmtpd.controller import Controller
mode = "250 OK"
class Handler:
    async def handle_DATA(self, server, session, envelope):
        if mode.startswith("250"):
            read = email.message_from_bytes(envelope.content, policy=email.policy.default)
            print(json.dumps({
                "to": envelope.rcpt_tos,
                "head": envelope.content.split(b"\r\n\r\n", 1)[0].decode("ascii"),
                "names": [name.lower() for name in read.keys()],
                "subject": read["subject"],
                "parts": [part.get_content_type() for part in read.walk()],
                "body": read.get_content(),
            }), flush=True)
        return mode
options = {}
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    options = dict(tls_context=context, require_starttls=True)
controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]), **options)
controller.start()
print("ready", flush=True)
for line in sys.stdin:
    mode = line.strip()
controller.stop()
"#;

pub struct Smtp {
    child: Child,
    input: ChildStdin,
    pub mails: Receiver<Mail>,
}

impl Smtp {
    pub fn start(port: u16, tls: Option<(&Path, &Path)>) -> Self {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", SERVER, &port.to_string()]);
        if let Some((certificate, key)) = tls {
            command.args([certificate, key]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready", "Debian: python3-aiosmtpd");
        let (tell, mails) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(Mail::of(&line)).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Self { child, input, mails }
    }

    pub fn answer(&mut self, words: &str) {
        writeln!(self.input, "{words}").unwrap();
    }

    /// The next mail that says this; the portal may have told of something else before.
    pub async fn mail_with(&self, words: &str) -> Mail {
        loop {
            let mail = self.mail().await;
            if mail.body.contains(words) {
                return mail;
            }
        }
    }

    /// For some seconds no mail says this.
    pub async fn is_quiet_about(&self, words: &str) -> bool {
        tokio::time::sleep(Duration::from_secs(4)).await;
        self.mails.try_iter().all(|mail| !mail.body.contains(words))
    }

    pub async fn mail(&self) -> Mail {
        for _ in 0..200 {
            if let Ok(mail) = self.mails.try_recv() {
                return mail;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no mail came");
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mail as its reader reads it.
pub struct Mail {
    /// The headers as they stand.
    pub head: String,
    /// Their names.
    pub names: Vec<String>,
    /// To whom the envelope goes.
    pub to: Vec<String>,
    pub subject: String,
    /// The kinds of its parts.
    pub parts: Vec<String>,
    pub body: String,
}

impl Mail {
    fn of(line: &str) -> Self {
        let read: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let text = |name: &str| read[name].as_str().unwrap().to_owned();
        let list = |name: &str| {
            let all = read[name].as_array().unwrap().iter();
            all.map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        Self {
            head: text("head"),
            names: list("names"),
            to: list("to"),
            subject: text("subject"),
            parts: list("parts"),
            body: text("body").replace("\r\n", "\n"),
        }
    }

    /// The paths of the portal it leads to.
    pub fn links(&self) -> Vec<String> {
        let words = self.body.split_whitespace();
        words.filter_map(|word| word.strip_prefix("https://portal.example.jp")).map(str::to_owned).collect()
    }
}

/// A site that sends mail to a port, and somebody of the city.
pub struct Town {
    pub site: Site,
    pub data: PathBuf,
    pub port: u16,
    pub city: Browser,
    pub person: PersonId,
    who: Person,
    next: u32,
}

impl Town {
    pub async fn start(tls: &str, more: &str) -> Self {
        Self::of(Site::start().await, Role::CityStaff, tls, more).await
    }

    /// On this site, with somebody in this role who gets the mail.
    pub async fn of(site: Site, role: Role, tls: &str, more: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = site.office("main").folder().ancestors().nth(2).unwrap().to_owned();
        let text = format!(
            "host = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\nfrom = \"yakujo@example.jp\"\n\
             portal_url = \"https://portal.example.jp\"\n{more}"
        );
        std::fs::write(data.join("mail.toml"), text).unwrap();
        let person = site.person("main", role).await;
        let city = site.sign_in(&person).await;
        let id = site.office("main").people.by_login(&person.login).await.unwrap().id;
        Self { site, data, port, city, person: id, who: person, next: 0 }
    }

    /// Registers and proves an address.
    pub async fn prove(&mut self, smtp: &Smtp) {
        // What was there before is history.
        let office = self.site.office("main");
        yakujo_server::notices::plan_all(&office).await.unwrap();
        yakujo_server::notices::plan_dues(&office).await.unwrap();
        let page = "/c/main/account/mail";
        self.city.get(page).await;
        let named = self.city.post(page, &[("address", "sato@city.example.jp")]).await;
        assert_eq!(named.status, 303, "{}", named.body);
        let mail = smtp.mail().await;
        let code: String = mail.body.chars().filter(char::is_ascii_digit).take(8).collect();
        self.city.get(page).await;
        let wrong = self.city.post(&format!("{page}/code"), &[("code", "x")]).await;
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        self.city.get(page).await;
        let proved = self.city.post(&format!("{page}/code"), &[("code", &code)]).await;
        assert_eq!(proved.status, 303, "{}", proved.body);
        self.pace("at_once").await;
    }

    pub async fn pace(&mut self, pace: &str) {
        let page = "/c/main/account/mail";
        self.city.get(page).await;
        assert_eq!(self.city.post(&format!("{page}/pace"), &[("pace", pace)]).await.status, 303);
    }

    /// The same people and files with a server that was started again.
    pub async fn restart(self) -> Self {
        let site = self.site.restart().await;
        let time = Arc::new(ServersTime(site.clock.clone()));
        let mut city = self.city;
        city.wire = Wire::new(site.server.portal, site.server.house.authority.pem(), time, None);
        Self { site, city, ..self }
    }

    /// Signs in again: a session ends when nobody uses it.
    pub async fn again(&mut self) {
        self.city = self.site.sign_in(&self.who).await;
    }

    /// The contractor proposes something: the city is told.
    pub async fn happens(&mut self) {
        self.next += 1;
        let duty = yakujo_contract::duty::DutyId::parse("6.a").unwrap();
        let reason = "秘密の事情".to_owned();
        let matter = yakujo_contract::act::Matter::NotApplicable { duty, system: None, reason };
        let proposal = format!("mail-{}", self.next).parse().unwrap();
        let act = yakujo_contract::act::Act::Proposed { proposal, matter };
        let contractor = self.site.actor("main", "contractor").await;
        self.site.office("main").decide(contractor, act, None).await.unwrap();
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Choice) -> bool) -> Choice {
        for _ in 0..200 {
            let choice = self.site.office("main").people.mail_choice(&self.person).await.unwrap().unwrap();
            if holds(&choice) {
                return choice;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let choice = self.site.office("main").people.mail_choice(&self.person).await.unwrap();
        panic!("not within 20 s: {what}: {choice:?}");
    }
}
