//! 5.a: what lines of sshd, login, su and sudo say of people who came, went, were refused or acted with privilege.
//!
//! Pure: a line in, at most one event out. Names in these lines are typed by strangers: of a refused name the address is
//! read from the end of the line, where sshd wrote it itself, never from the first `from` that stands there.

use std::net::IpAddr;

/// Programs whose lines are read; the last two are names a display manager logs under.
pub const PROGRAMS: [&str; 9] =
    ["sshd", "sshd-session", "login", "su", "sudo", "lightdm", "sddm", "gdm-password]", "xrdp-sesman"];
/// Longest account, address or terminal in a fact.
const MOST_LETTERS: usize = 64;
/// Longest program or folder in a fact.
const LONGEST_PATH: usize = 200;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: jiff::Timestamp,
    /// The program that says it wrote it.
    pub program: String,
    /// Its process.
    pub pid: u32,
    /// The text.
    pub message: String,
    /// What it tells, where it comes from a record and no text has to be read.
    pub record: Option<Event>,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody was let in by sshd.
    Accepted { account: String, from: String, port: u16, method: &'static str, key: Option<String> },
    /// A session at a console or a desktop began.
    Opened { account: String },
    /// The process closed its session.
    Closed,
    /// The connection ended, or is about to.
    Ending { from: String, port: u16, how: Ending },
    /// Somebody was refused; the account where sshd knows it.
    Refused { account: Option<String>, from: String, method: &'static str },
    /// A connection ended before anybody was let in.
    GaveUp { account: Option<String>, from: String },
    /// Privilege was used or refused.
    Privilege { account: String, target: String, command: String, folder: String, allowed: bool },
    /// A record tells of a seat.
    Seat(Seat),
}

/// What records tell of seats (terminals). How somebody showed who they are, and how the connection ended, is not in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// Somebody sits there from now on, and nobody else.
    Taken { account: String, from: String, seat: String },
    /// Whoever sat there has left.
    Left { seat: String },
    /// The host stopped or was started: whoever sat anywhere has left.
    AllLeft,
}

/// How a connection ended, as far as sshd says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said good-bye. An idle channel that sshd cut looks the same: the client leaves after it.
    Left,
    /// Cut because no session was open (`UnusedConnectionTimeout`).
    Idle,
    /// The client no longer answered, or the line broke.
    Lost,
}

/// What a line tells, if anything.
#[must_use]
pub fn event(line: &Line) -> Option<Event> {
    if line.record.is_some() {
        return line.record.clone();
    }
    let message = line.message.as_str();
    match line.program.as_str() {
        "sshd" | "sshd-session" => sshd(message),
        "su" => su(message),
        "sudo" => sudo(message),
        "login" => login(message).or_else(|| session(message)),
        _ => session(message),
    }
}

pub(super) fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

pub(super) fn name(text: &str) -> String {
    cut(text, MOST_LETTERS)
}

fn sshd(message: &str) -> Option<Event> {
    if message.starts_with("pam_unix(sshd:session): session closed") {
        return Some(Event::Closed);
    }
    if let Some(rest) = message.strip_prefix("Accepted ") {
        return accepted(rest);
    }
    if let Some(rest) = message.strip_prefix("Failed ") {
        return refused(rest);
    }
    if let Some(rest) = message.strip_suffix(" [preauth]") {
        return gave_up(rest);
    }
    let (how, rest) = [
        (Ending::Left, "Received disconnect from "),
        (Ending::Left, "Disconnected from user "),
        (Ending::Lost, "Connection closed by "),
        (Ending::Lost, "Connection reset by "),
        (Ending::Lost, "Timeout, client not responding from "),
        (Ending::Idle, "terminating inactive connection from "),
    ]
    .into_iter()
    .find_map(|(how, start)| Some((how, message.strip_prefix(start)?)))?;
    // `user hanako 192.0.2.1 port 5`, `192.0.2.1 port 5:11: disconnected by user`
    let (before, after) = rest.split_once(" port ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let from: IpAddr = before.rsplit(' ').next()?.parse().ok()?;
    Some(Event::Ending { from: from.to_string(), port: digits.parse().ok()?, how })
}

/// `publickey for hanako from 192.0.2.1 port 5 ssh2: ED25519 SHA256:…`: whoever was let in has an account, and no account
/// has a space in its name.
fn accepted(rest: &str) -> Option<Event> {
    let words: Vec<&str> = rest.split(' ').collect();
    let [method, "for", account, "from", from, "port", port, ssh, key @ ..] = words.as_slice() else {
        return None;
    };
    ssh.starts_with("ssh").then_some(())?;
    let from: IpAddr = from.parse().ok()?;
    let key = key.iter().find(|word| word.starts_with("SHA256:")).map(|word| cut(word, MOST_LETTERS));
    let (account, port) = (name(account), port.parse().ok()?);
    Some(Event::Accepted { account, from: from.to_string(), port, method: method_of(method), key })
}

fn method_of(word: &str) -> &'static str {
    match word {
        "publickey" => "key",
        "password" => "password",
        "keyboard-interactive" | "keyboard-interactive/pam" => "keyboard_interactive",
        "gssapi-with-mic" | "gssapi-keyex" => "gssapi",
        "hostbased" => "host_based",
        _ => "other",
    }
}

/// `password for invalid user anything at all from 192.0.2.1 port 5 ssh2`
fn refused(rest: &str) -> Option<Event> {
    let (method, rest) = rest.split_once(" for ")?;
    let (rest, _) = rest.rsplit_once(" ssh2")?;
    let (rest, port) = rest.rsplit_once(" port ")?;
    port.parse::<u16>().ok()?;
    let (account, from) = rest.rsplit_once(" from ")?;
    let from: IpAddr = from.parse().ok()?;
    Some(Event::Refused { account: known(account), from: from.to_string(), method: method_of(method) })
}

/// A name that is no account may be a password that was typed at the wrong place: it is never told.
fn known(account: &str) -> Option<String> {
    let is_account = !account.starts_with("invalid user") && !account.contains(' ') && !account.is_empty();
    is_account.then(|| name(account))
}

/// `Connection closed by invalid user anything at all 192.0.2.1 port 5`
fn gave_up(rest: &str) -> Option<Event> {
    let is_one = ["Connection closed by ", "Connection reset by ", "Disconnected from ", "Disconnecting "];
    let rest = is_one.iter().find_map(|start| rest.strip_prefix(start))?;
    // A connection that never named anybody is a port scan, no attempt to log in.
    let (account, rest) = match rest.strip_prefix("invalid user ") {
        Some(rest) => (None, rest),
        None => (Some(()), rest.strip_prefix("authenticating user ")?),
    };
    let rest =
        rest.split_once(": ").filter(|(_, why)| !why.contains(" port ")).map_or(rest, |(rest, _)| rest);
    let (rest, port) = rest.rsplit_once(" port ")?;
    port.parse::<u16>().ok()?;
    let (who, from) = rest.rsplit_once(' ')?;
    let from: IpAddr = from.parse().ok()?;
    Some(Event::GaveUp { account: account.and_then(|()| known(who)), from: from.to_string() })
}

/// `pam_unix(login:session): session opened for user hanako(uid=1000) by LOGIN(uid=0)`
fn session(message: &str) -> Option<Event> {
    let (_, rest) = message.strip_prefix("pam_unix(")?.split_once(":session): session ")?;
    if rest.starts_with("closed for user ") {
        return Some(Event::Closed);
    }
    let account = rest.strip_prefix("opened for user ")?.split(['(', ' ']).next()?;
    Some(Event::Opened { account: name(account) })
}

/// `FAILED LOGIN (1) on '/dev/tty1' FOR 'hanako', Authentication failure`; login writes UNKNOWN for who has no account.
fn login(message: &str) -> Option<Event> {
    let (_, rest) = message.strip_prefix("FAILED LOGIN (")?.split_once(") on '")?;
    let (terminal, rest) = rest.split_once('\'')?;
    let account = rest.split_once(" FOR '")?.1.split('\'').next()?;
    let account = known(account).filter(|account| account != "UNKNOWN");
    Some(Event::Refused { account, from: name(terminal), method: "password" })
}

/// `(to root) hanako on pts/0`, `FAILED SU (to root) hanako on pts/0`
fn su(message: &str) -> Option<Event> {
    let (allowed, rest) = match message.strip_prefix("FAILED SU ") {
        Some(rest) => (false, rest),
        None => (true, message),
    };
    let (target, rest) = rest.strip_prefix("(to ")?.split_once(") ")?;
    let (account, _) = rest.rsplit_once(" on ")?;
    let (account, target) = (name(account), name(target));
    Some(Event::Privilege { account, target, command: "su".to_owned(), folder: String::new(), allowed })
}

/// `  hanako : TTY=pts/0 ; PWD=/srv/site ; USER=root ; COMMAND=/usr/bin/ls -l`, with the reason first where it was
/// refused. Of the command only the program is kept: arguments can hold secrets.
fn sudo(message: &str) -> Option<Event> {
    let (account, rest) = message.trim_start().split_once(" : ")?;
    let (before, command) = rest.split_once("COMMAND=")?;
    let fields: Vec<&str> = before.split(" ; ").map(str::trim).collect();
    let value = |key: &str| fields.iter().find_map(|field| field.strip_prefix(key));
    let has_reason = fields.first().is_some_and(|first| !first.contains('='));
    let command = command.split(' ').next().unwrap_or_default();
    Some(Event::Privilege {
        account: name(account),
        target: name(value("USER=")?),
        command: cut(command, LONGEST_PATH),
        folder: cut(value("PWD=").unwrap_or_default(), LONGEST_PATH),
        allowed: !has_reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(program: &str, message: &str) -> Line {
        let (program, message) = (program.to_owned(), message.to_owned());
        Line { at: jiff::Timestamp::UNIX_EPOCH, program, pid: 1, message, record: None }
    }

    fn refused(account: Option<&str>, from: &str) -> Option<Event> {
        let account = account.map(str::to_owned);
        Some(Event::Refused { account, from: from.to_owned(), method: "password" })
    }

    #[test]
    fn a_stranger_cannot_put_another_address_or_a_password_into_a_fact() {
        for (message, expected) in [
            ("Failed password for hanako from 192.0.2.9 port 5 ssh2", refused(Some("hanako"), "192.0.2.9")),
            (
                "Failed password for invalid user s3cret! from 192.0.2.9 port 5 ssh2",
                refused(None, "192.0.2.9"),
            ),
            (
                "Failed password for invalid user x from 10.9.9.9 port 1 ssh2 from 192.0.2.9 port 5 ssh2",
                refused(None, "192.0.2.9"),
            ),
            ("Failed password for root from 2001:db8::7 port 5 ssh2", refused(Some("root"), "2001:db8::7")),
        ] {
            assert_eq!(event(&line("sshd", message)), expected, "{message}");
        }
        let gave_up =
            "Connection closed by invalid user a from 9.9.9.9 port 5 ssh2 127.0.0.1 port 38662 [preauth]";
        let from = "127.0.0.1".to_owned();
        assert_eq!(event(&line("sshd", gave_up)), Some(Event::GaveUp { account: None, from }));
        assert_eq!(event(&line("sshd", "Connection closed by 192.0.2.9 port 5 [preauth]")), None);
    }

    #[test]
    fn who_was_let_in_is_read_with_method_and_key() {
        let message = "Accepted publickey for hanako from 192.0.2.5 port 51234 ssh2: ED25519 SHA256:abc";
        let expected = Event::Accepted {
            account: "hanako".to_owned(),
            from: "192.0.2.5".to_owned(),
            port: 51_234,
            method: "key",
            key: Some("SHA256:abc".to_owned()),
        };
        assert_eq!(event(&line("sshd", message)), Some(expected));
        assert_eq!(event(&line("sshd", "Accepted password for a from b port 1 ssh2")), None);
    }

    #[test]
    fn the_use_of_privilege_is_told_without_arguments() {
        let told = |program: &str, message: &str| match event(&line(program, message)) {
            Some(Event::Privilege { account, target, command, folder, allowed }) => {
                format!("{account} {target} {command} {folder} {allowed}")
            }
            other => format!("{other:?}"),
        };
        let asked = "  hanako : TTY=pts/0 ; PWD=/srv/site ; USER=root ; COMMAND=/usr/bin/mysql -psecret";
        assert_eq!(told("sudo", asked), "hanako root /usr/bin/mysql /srv/site true");
        let refused = "taro : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh";
        assert_eq!(told("sudo", refused), "taro root /bin/sh / false");
        assert_eq!(told("su", "FAILED SU (to root) taro on pts/1"), "taro root su  false");
        assert_eq!(told("su", "(to root) hanako on pts/0"), "hanako root su  true");
    }

    #[test]
    fn a_console_is_a_door_too() {
        let opened = "pam_unix(login:session): session opened for user hanako(uid=1000) by LOGIN(uid=0)";
        assert_eq!(event(&line("login", opened)), Some(Event::Opened { account: "hanako".to_owned() }));
        let failed = "FAILED LOGIN (1) on '/dev/tty1' FOR 'UNKNOWN', Authentication failure";
        assert_eq!(event(&line("login", failed)), refused(None, "/dev/tty1"));
    }

    proptest! {
        #[test]
        fn no_line_makes_a_reader_fail_and_every_address_is_one(
            start in "(Accepted |Failed |Connection closed by |Disconnected from user |FAILED LOGIN \\(|\\(to )?",
            rest in "(password |for |invalid user |from |port |ssh2|9|:|192\\.0\\.2\\.1| ; |=|COMMAND=|\\) on '|.{0,4}){0,14}",
        ) {
            for program in PROGRAMS {
                for end in ["", " [preauth]"] {
                    match event(&line(program, &format!("{start}{rest}{end}"))) {
                        Some(Event::Accepted { from, .. } | Event::Ending { from, .. } | Event::GaveUp { from, .. }) => {
                            prop_assert!(from.parse::<IpAddr>().is_ok());
                        }
                        Some(Event::Refused { account, from, .. }) => {
                            prop_assert!(program == "login" || from.parse::<IpAddr>().is_ok());
                            prop_assert!(account.is_none_or(|account| !account.contains(' ')));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
