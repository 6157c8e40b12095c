//! People on the host: from lines of the log to sessions that begin and end, refusals and uses of privilege, across
//! restarts of the agent. Where the log goes on lies beside the facts, in one step with them.

use crate::collect::c05_lines::{self, Place, Taken};
use crate::collect::c05_logins::{Ending, Event, Line, Seat, event};
use crate::outbox::Note;
use crate::reading::{Reading, Sources};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::access::{LoginClose, LoginEnd, LoginFailure, LoginOpen, PrivilegeUse};
use yakujo_contract::fact::logs::{LogGap, LogSource};

/// Under this key the outbox keeps what outlives a run.
pub const LOGINS_KEY: &str = "logins";
/// At the very first look so much of the past is read.
const FIRST_LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);
/// Refusals of one account from one place are one fact for so long.
const BURST: SignedDuration = SignedDuration::from_mins(1);
/// The log is told of so often.
const SOURCE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Open sessions that are followed.
const MOST_OPEN: usize = 1_000;
/// Different refusals at a time; more of them are counted together.
const MOST_BURSTS: usize = 50;
/// Processes whose refusals are remembered, so that the end of the same connection is not one more.
const MOST_REFUSED: usize = 500;
/// Stands for many addresses.
const MANY: &str = "many addresses";
/// The host itself: where from, and how.
const CONSOLE: &str = "console";

/// What is known of people on the host.
#[derive(Debug, Default)]
pub struct Logins {
    kept: Kept,
    stamp: Option<(i64, i64, u64)>,
    is_noted: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    source: String,
    cursor: String,
    since: Option<Timestamp>,
    open: Vec<Open>,
    bursts: Vec<LoginFailure>,
    #[serde(default)]
    refused: BTreeSet<u32>,
    read: Option<LogSource>,
    told: Option<Timestamp>,
}

/// A session that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    account: String,
    session: String,
    from: String,
    port: u16,
    /// 0: it is not known.
    pid: u32,
    at: Timestamp,
    /// Where it sits; empty: a log tells of it, by its process.
    #[serde(default)]
    seat: String,
    /// The connection is over, since when and how.
    ended: Option<(Timestamp, LoginEnd)>,
}

impl Logins {
    /// What an earlier run knew.
    #[must_use]
    pub fn from(kept: Option<&str>) -> Self {
        let kept = kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self { kept, stamp: None, is_noted: true }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        if std::mem::replace(&mut self.is_noted, true) {
            return Vec::new();
        }
        vec![(LOGINS_KEY.to_owned(), serde_json::to_string(&self.kept).ok())]
    }

    /// Reads on in the log. `booted` is when the host was started: no session is older.
    pub fn look(&mut self, sources: &Sources, booted: Option<Timestamp>, now: Timestamp) -> Reading {
        let Some(place) = Place::of(sources) else {
            return Reading::failed(
                "there is neither a journal nor /var/log/auth.log, wtmp or wtmpdb: install rsyslog, or systemd's journal",
            );
        };
        if self.kept.source != place.name() {
            // Another log: it begins where the agent began to look at it.
            let since = now.checked_sub(FIRST_LOOK_BACK).unwrap_or(now);
            self.kept.source = place.name().to_owned();
            (self.kept.cursor, self.kept.since, self.kept.read) = (String::new(), Some(since), None);
            self.stamp = None;
        }
        let mut facts = Vec::new();
        // Before the log is read: what a process logged before it ended is in the log then.
        let gone = self.gone(sources);
        let stamp = place.stamp(sources);
        if stamp.is_none() || stamp != self.stamp {
            let since = self.kept.since.unwrap_or(now);
            let taken = match c05_lines::take(sources, &place, &self.kept.cursor, since, now) {
                Ok(taken) => taken,
                Err(reason) => return Reading::failed(reason),
            };
            self.stamp = stamp.filter(|_| !taken.more);
            self.enter(taken, &mut facts, now);
        }
        self.end_what_is_over(&gone, booted, now, &mut facts);
        self.tell_bursts(now, &mut facts);
        self.tell_source(now, &mut facts);
        self.is_noted &= facts.is_empty();
        Reading::of(facts, place.limits(sources))
    }

    fn enter(&mut self, taken: Taken, facts: &mut Vec<Fact>, now: Timestamp) {
        if taken.cursor != self.kept.cursor {
            self.is_noted = false;
        }
        self.count(&taken, now);
        self.kept.cursor = taken.cursor;
        for line in &taken.lines {
            if let Some(event) = event(line) {
                facts.extend(self.happened(line, event));
            }
        }
    }

    fn count(&mut self, taken: &Taken, now: Timestamp) {
        let first = taken.lines.iter().map(|line| line.at).min().unwrap_or(now);
        let last = taken.lines.iter().map(|line| line.at).max().unwrap_or(first);
        let read = self.kept.read.get_or_insert_with(|| LogSource {
            source: self.kept.source.clone(),
            cursor: String::new(),
            first,
            last: first,
            lines: 0,
            bytes: 0,
            gaps: Vec::new(),
        });
        if let Some(reason) = taken.gap {
            read.gaps.push(LogGap { from: read.last, to: first.max(read.last), reason: reason.to_owned() });
            // It is told at once.
            self.kept.told = None;
        }
        if !taken.lines.is_empty() {
            read.last = read.last.max(last);
        }
        read.lines = read.lines.saturating_add(u64::try_from(taken.lines.len()).unwrap_or(0));
        read.bytes = read.bytes.saturating_add(taken.bytes);
    }

    fn happened(&mut self, line: &Line, event: Event) -> Vec<Fact> {
        let at = line.at;
        let fact = match event {
            Event::Accepted { account, from, port, method, key } => {
                Some(self.opened(line, (account, from, port), method, key))
            }
            Event::Opened { account } => {
                Some(self.opened(line, (account, CONSOLE.to_owned(), 0), CONSOLE, None))
            }
            Event::Closed => {
                let place = self.kept.open.iter().position(|open| open.pid == line.pid);
                let open = place.map(|place| self.kept.open.remove(place));
                open.map(|open| {
                    let (at, reason) = open.ended.unwrap_or((at, ended_alone(&open)));
                    closed(&open, at, reason)
                })
            }
            Event::Ending { from, port, how } => {
                let same = |open: &&mut Open| open.from == from && open.port == port;
                let reason = match how {
                    Ending::Left => LoginEnd::LoggedOut,
                    Ending::Idle => LoginEnd::Idle,
                    Ending::Lost => LoginEnd::Lost,
                };
                if let Some(open) = self.kept.open.iter_mut().find(same) {
                    open.ended.get_or_insert((at, reason));
                }
                None
            }
            Event::Refused { account, from, method } => {
                self.kept.refused.insert(line.pid);
                while self.kept.refused.len() > MOST_REFUSED {
                    self.kept.refused.pop_first();
                }
                self.refused(account, from, method, at);
                None
            }
            Event::GaveUp { account, from } => {
                if !self.kept.refused.remove(&line.pid) {
                    self.refused(account, from, "none", at);
                }
                None
            }
            Event::Privilege { account, target, command, folder, allowed } => {
                Some(Fact::PrivilegeUse(PrivilegeUse { account, target, command, folder, allowed, at }))
            }
            Event::Seat(seat) => return self.seat(line, seat),
        };
        fact.into_iter().collect()
    }

    /// What a record tells: who took a seat before this one is gone, whether that was recorded or not.
    fn seat(&mut self, line: &Line, told: Seat) -> Vec<Fact> {
        let (seat, reason) = match &told {
            Seat::Taken { seat, .. } => (Some(seat), LoginEnd::Inferred),
            Seat::Left { seat } => (Some(seat), LoginEnd::NotTold),
            Seat::AllLeft => (None, LoginEnd::Inferred),
        };
        let sat = |open: &mut Open| {
            !open.seat.is_empty() && seat.is_none_or(|seat| *seat == open.seat) && open.at <= line.at
        };
        let left = self.kept.open.extract_if(.., sat);
        let mut facts: Vec<Fact> = left.map(|open| closed(&open, line.at, reason)).collect();
        if let Seat::Taken { account, from, seat } = told {
            let session = format!("{}-{seat}-{}", line.program, line.at.as_second());
            let method = if from == CONSOLE { CONSOLE } else { "not_told" };
            let open =
                Open { account, session, from, port: 0, pid: line.pid, at: line.at, seat, ended: None };
            facts.push(self.follow(open, method, None));
        }
        facts
    }

    fn opened(
        &mut self,
        line: &Line,
        (account, from, port): (String, String, u16),
        method: &str,
        key: Option<String>,
    ) -> Fact {
        self.kept.refused.remove(&line.pid);
        let session = format!("{}-{}-{}", line.program.trim_end_matches(']'), line.pid, line.at.as_second());
        let seat = String::new();
        self.follow(
            Open { account, session, from, port, pid: line.pid, at: line.at, seat, ended: None },
            method,
            key,
        )
    }

    fn follow(&mut self, open: Open, method: &str, key: Option<String>) -> Fact {
        let fact = LoginOpen {
            account: open.account.clone(),
            session: open.session.clone(),
            from: open.from.clone(),
            method: method.to_owned(),
            key,
            at: open.at,
        };
        self.kept.open.push(open);
        // The oldest is followed no longer; its end is not told.
        if self.kept.open.len() > MOST_OPEN {
            self.kept.open.remove(0);
        }
        Fact::LoginOpen(fact)
    }

    fn refused(&mut self, account: Option<String>, from: String, method: &str, at: Timestamp) {
        let is_new = |burst: &LoginFailure, from: &str| {
            (&burst.account, burst.from.as_str(), burst.method.as_str()) != (&account, from, method)
        };
        let is_full = self.kept.bursts.len() >= MOST_BURSTS;
        let from = match self.kept.bursts.iter().all(|burst| is_new(burst, &from)) && is_full {
            true => MANY.to_owned(),
            false => from,
        };
        match self.kept.bursts.iter_mut().find(|burst| !is_new(burst, &from)) {
            Some(burst) => {
                burst.count = burst.count.saturating_add(1);
                (burst.since, burst.until) = (burst.since.min(at), burst.until.max(at));
            }
            None => {
                let method = method.to_owned();
                let burst = LoginFailure { account, from, method, count: 1, since: at, until: at };
                self.kept.bursts.push(burst);
            }
        }
        self.is_noted = false;
    }

    fn tell_bursts(&mut self, now: Timestamp, facts: &mut Vec<Fact>) {
        let is_over = |burst: &LoginFailure| now.duration_since(burst.since) >= BURST;
        let (over, going): (Vec<_>, Vec<_>) = self.kept.bursts.drain(..).partition(is_over);
        self.kept.bursts = going;
        for burst in over {
            facts.push(Fact::LoginFailure(burst));
        }
    }

    /// Processes of open sessions that are no more. Without a look at processes nothing is inferred.
    fn gone(&self, sources: &Sources) -> BTreeSet<u32> {
        let sees_processes = sources.path("/proc/self").exists();
        let known = self.kept.open.iter().map(|open| open.pid).filter(|pid| sees_processes && *pid != 0);
        known.filter(|pid| !sources.path(&format!("/proc/{pid}")).exists()).collect()
    }

    /// Sessions whose connection is over, and those of which the log tells no end: their process is gone, or the host
    /// was started since.
    fn end_what_is_over(
        &mut self,
        gone: &BTreeSet<u32>,
        booted: Option<Timestamp>,
        now: Timestamp,
        facts: &mut Vec<Fact>,
    ) {
        let mut going = Vec::new();
        for open in std::mem::take(&mut self.kept.open) {
            let is_gone = gone.contains(&open.pid);
            let is_of_before = booted.is_some_and(|booted| open.at < booted);
            match open.ended {
                // `session closed` follows within the second where PAM is used.
                Some((at, reason)) if is_gone || now.duration_since(at) > BURST => {
                    facts.push(closed(&open, at, reason));
                }
                None if is_of_before => {
                    let at = booted.unwrap_or(now);
                    facts.push(closed(&open, at, LoginEnd::Inferred));
                }
                // The line may still be on its way.
                None if is_gone && now.duration_since(open.at) > BURST => {
                    facts.push(closed(&open, now, LoginEnd::Inferred));
                }
                _ => going.push(open),
            }
        }
        self.kept.open = going;
    }

    fn tell_source(&mut self, now: Timestamp, facts: &mut Vec<Fact>) {
        if self.kept.told.is_some_and(|told| now.duration_since(told) < SOURCE_EVERY) {
            return;
        }
        let cursor: String = self.kept.cursor.chars().take(300).collect();
        let Some(read) = &mut self.kept.read else { return };
        facts.push(Fact::LogSource(LogSource { cursor, ..read.clone() }));
        (read.first, read.lines, read.bytes) = (read.last, 0, 0);
        read.gaps.clear();
        self.kept.told = Some(now);
    }
}

/// Without a word of the connection: of a console the person left, of a network session somebody ended its process.
fn ended_alone(open: &Open) -> LoginEnd {
    if open.port == 0 { LoginEnd::LoggedOut } else { LoginEnd::Ended }
}

fn closed(open: &Open, at: Timestamp, reason: LoginEnd) -> Fact {
    let lasted_s = u64::try_from(at.duration_since(open.at).as_secs()).unwrap_or(0);
    let (account, session) = (open.account.clone(), open.session.clone());
    Fact::LoginClose(LoginClose { account, session, lasted_s, reason, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    struct Host {
        tree: tempfile::TempDir,
        logins: Logins,
    }

    impl Host {
        fn new() -> Self {
            let tree = tempfile::tempdir().unwrap();
            for folder in ["var/log", "proc/self", "proc/7"] {
                std::fs::create_dir_all(tree.path().join(folder)).unwrap();
            }
            Self { tree, logins: Logins::default() }
        }

        fn write(&self, second: i64, pid: u32, message: &str) {
            use std::io::Write;
            let path = self.tree.path().join("var/log/auth.log");
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            let program = if message.contains("COMMAND=") { "sudo" } else { "sshd" };
            writeln!(file, "{} web-1 {program}[{pid}]: {message}", at(second)).unwrap();
        }

        fn look(&mut self, second: i64) -> Vec<Fact> {
            let sources = Sources::under(self.tree.path());
            let mut facts = self.logins.look(&sources, Some(at(-100)), at(second)).facts;
            facts.retain(|fact| fact.kind() != "log.source");
            facts
        }

        fn restart(&mut self) {
            let notes = self.logins.notes();
            self.logins = Logins::from(notes.first().and_then(|(_, text)| text.as_deref()));
        }
    }

    const IN: &str = "Accepted password for hanako from 192.0.2.5 port 51234 ssh2";

    fn end(facts: &[Fact]) -> (LoginEnd, u64) {
        let [Fact::LoginClose(close)] = facts else { panic!("{facts:?}") };
        (close.reason, close.lasted_s)
    }

    #[test]
    fn a_session_begins_and_ends_once_across_a_restart() {
        let mut host = Host::new();
        host.write(0, 7, IN);
        let facts = host.look(1);
        assert!(
            matches!(&facts[..], [Fact::LoginOpen(open)] if open.from == "192.0.2.5" && open.method == "password")
        );
        host.restart();
        assert!(host.look(2).is_empty());
        host.write(50, 8, "Received disconnect from 192.0.2.5 port 51234:11: disconnected by user");
        host.write(50, 7, "pam_unix(sshd:session): session closed for user hanako");
        assert_eq!(end(&host.look(51)), (LoginEnd::LoggedOut, 50));
        host.restart();
        assert!(host.look(200).is_empty());
    }

    #[test]
    fn an_end_that_nobody_logged_is_inferred_and_says_so() {
        let mut host = Host::new();
        host.write(0, 7, IN);
        host.look(1);
        std::fs::remove_dir(host.tree.path().join("proc/7")).unwrap();
        assert!(host.look(30).is_empty(), "the line may still come");
        assert_eq!(end(&host.look(90)), (LoginEnd::Inferred, 90));
        host.write(100, 7, IN);
        std::fs::create_dir(host.tree.path().join("proc/7")).unwrap();
        host.look(101);
        let sources = Sources::under(host.tree.path());
        let facts = host.logins.look(&sources, Some(at(160)), at(170)).facts;
        assert_eq!(end(&facts), (LoginEnd::Inferred, 60), "the host was started meanwhile");
    }

    #[test]
    fn a_burst_of_refusals_is_one_fact_and_no_connection_counts_twice() {
        let mut host = Host::new();
        for second in 0..30 {
            host.write(second, 7, "Failed password for root from 192.0.2.9 port 5 ssh2");
        }
        host.write(30, 7, "Connection closed by authenticating user root 192.0.2.9 port 5 [preauth]");
        assert!(host.look(31).is_empty());
        host.restart();
        let facts = host.look(70);
        assert!(
            matches!(&facts[..], [Fact::LoginFailure(told)]
            if told.count == 30 && told.account.as_deref() == Some("root") && told.until == at(29)),
            "{facts:?}"
        );
    }

    #[test]
    fn refusals_from_a_thousand_addresses_are_bounded_and_lose_no_count() {
        let mut host = Host::new();
        for n in 0..1_000 {
            let from = format!("10.0.{}.{}", n / 250, n % 250);
            host.write(0, 7, &format!("Failed password for root from {from} port 5 ssh2"));
        }
        host.look(1);
        let facts = host.look(70);
        let counts = facts.iter().map(|fact| match fact {
            Fact::LoginFailure(told) => told.count,
            other => panic!("{other:?}"),
        });
        assert_eq!(counts.sum::<u32>(), 1_000);
        assert!(facts.len() <= MOST_BURSTS + 1, "{}", facts.len());
    }

    #[test]
    fn the_use_of_privilege_is_told_and_the_log_named_once_an_hour() {
        let mut host = Host::new();
        host.write(0, 9, "hanako : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls");
        let sources = Sources::under(host.tree.path());
        let facts = host.logins.look(&sources, None, at(1)).facts;
        let kinds: Vec<&str> = facts.iter().map(Fact::kind).collect();
        assert_eq!(kinds, ["priv.use", "log.source"]);
        assert!(host.logins.look(&sources, None, at(60)).facts.is_empty());
        let facts = host.logins.look(&sources, None, at(3_700)).facts;
        assert!(
            matches!(&facts[..], [Fact::LogSource(source)] if source.lines == 0 && source.source == "/var/log/auth.log")
        );
    }

    #[test]
    fn by_records_alone_an_end_that_is_missing_is_inferred_and_what_they_do_not_tell_is_said() {
        use crate::collect::c05_records::tests::record;
        let mut host = Host::new();
        let start = at(0).as_second();
        let came = |pid: u32, seat: &str, second: i64| {
            record(7, pid, ["hanako", seat, "192.0.2.5", "192.0.2.5"], start + second)
        };
        let boot = record(2, 0, ["reboot", "~", "6.1.0", "0.0.0.0"], start + 40);
        let wtmp = host.tree.path().join("var/log/wtmp");
        let sources = Sources::under(host.tree.path());
        let write = |records: &[Vec<u8>]| std::fs::write(&wtmp, records.concat()).unwrap();
        write(&[came(7, "pts/0", 1), came(7, "pts/1", 2)]);
        let reading = host.logins.look(&sources, None, at(5));
        assert_eq!(reading.outcome, yakujo_contract::fact::agent::RunOutcome::Partial);
        for said in ["not how, sessions without a terminal, nor of su", "/var/log/btmp is missing"] {
            assert!(reading.reason.contains(said), "{}", reading.reason);
        }
        let kinds: Vec<&str> = reading.facts.iter().map(Fact::kind).collect();
        assert_eq!(kinds, ["login.open", "login.open", "log.source"]);
        host.restart();
        // The seat is taken again: whoever sat there has left.
        write(&[came(7, "pts/0", 1), came(7, "pts/1", 2), came(7, "pts/0", 20)]);
        let facts = host.look(25);
        assert_eq!(end(&facts[..1]), (LoginEnd::Inferred, 19));
        assert_eq!((facts[1].kind(), facts.len()), ("login.open", 2));
        write(&[came(7, "pts/0", 1), came(7, "pts/1", 2), came(7, "pts/0", 20), boot]);
        let facts = host.look(50);
        assert_eq!(
            (end(&facts[..1]), end(&facts[1..])),
            ((LoginEnd::Inferred, 38), (LoginEnd::Inferred, 20))
        );
        assert!(host.look(200).is_empty());
    }
}
