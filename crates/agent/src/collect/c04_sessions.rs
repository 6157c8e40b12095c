//! 4.2.a, 4.3.a: after how long an idle session is cut, and how one logs in, as sshd, the shell, logind and the data bases
//! are set.
//!
//! What sshd applies to whom is asked of sshd itself (`sshd -T -C …`), once for each account that has a shell and each
//! kind of address its configuration names: `Match` blocks are not to be read by hand. The words of the configuration are
//! looked at only to choose what to ask. `ClientAliveInterval` is left out: it ends dead connections, not idle ones.

use super::c11_access::parse_passwd;
use super::databases;
use crate::command::{output_of, output_with};
use crate::reading::{Reading, Sources};
use crate::settings::{Database, Product};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;
use yakujo_contract::fact::access::{IdleLimit, SessionPolicy, SshCase};
use yakujo_contract::fact::{Coverage, Fact};

const CONFIGURATION: &str = "/etc/ssh/sshd_config";
const MORE_CONFIGURATION: &str = "/etc/ssh/sshd_config.d";
/// Stands for any address the configuration does not name (TEST-NET-3 of RFC 5737).
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// Questions to sshd in one turn; each takes about 20 ms.
const MOST_QUESTIONS: usize = 48;
const MOST_ADDRESSES: usize = 4;
const MOST_NAMED: usize = 50;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A session of any of these is idle when nothing moves in it.
const CHANNELS: [&str; 3] = ["session:shell", "session:command", "session:subsystem:sftp"];

/// Reads the settings.
#[must_use]
pub fn collect(sources: &Sources) -> Reading {
    let mut coverage = Coverage::default();
    let ssh_cases = ssh_cases(sources, &mut coverage);
    let (shell_s, shell_fixed) = shell(sources, &mut coverage);
    let mut databases = Vec::new();
    for database in &sources.settings.databases {
        match idle_limits(sources, database) {
            Ok(limits) => databases.extend(limits),
            Err(reason) => missed(&mut coverage, format!("{}: {reason}", database.name)),
        }
    }
    let policy = SessionPolicy {
        ssh_channel_s: longest(ssh_cases.iter().map(|case| case.channel_s)),
        ssh_unused_s: longest(ssh_cases.iter().map(|case| case.unused_s)),
        ssh_cases,
        shell_s,
        shell_fixed,
        login_s: logind(sources),
        databases,
        coverage: coverage.clone(),
    };
    Reading::of(vec![Fact::SessionPolicy(policy)], coverage.reason)
}

fn missed(coverage: &mut Coverage, reason: String) {
    coverage.unreadable = coverage.unreadable.saturating_add(1);
    coverage.reason = reason;
}

/// The longest of several limits; absent (never) when one of them is, or when there is none.
fn longest(limits: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    limits.reduce(|one, other| Some(one?.max(other?))).flatten()
}

/// What sshd applies, grouped by what it applies.
fn ssh_cases(sources: &Sources, coverage: &mut Coverage) -> Vec<SshCase> {
    let file = sources.path(CONFIGURATION);
    if !file.exists() {
        return Vec::new();
    }
    let program = Path::new("/usr/sbin/sshd");
    if !program.exists() {
        missed(coverage, "sshd is configured, but /usr/sbin/sshd is not there to be asked".to_owned());
        return Vec::new();
    }
    let (addresses, unknown) = addresses(&configuration(sources));
    if let Some(criterion) = unknown {
        missed(coverage, format!("sshd: `Match {criterion}` depends on more than account and address"));
    }
    let accounts = accounts(sources);
    let mut questions: Vec<(&str, IpAddr)> = Vec::new();
    for address in &addresses {
        questions.extend(accounts.iter().map(|account| (account.as_str(), *address)));
    }
    let skipped = questions.len().saturating_sub(MOST_QUESTIONS);
    if skipped > 0 {
        coverage.skipped = coverage.skipped.saturating_add(u32::try_from(skipped).unwrap_or(u32::MAX));
        coverage.reason = format!("sshd was not asked for {skipped} pairs of account and address");
    }
    let mut cases: BTreeMap<Applied, (BTreeSet<String>, BTreeSet<IpAddr>)> = BTreeMap::new();
    for (account, address) in questions.into_iter().take(MOST_QUESTIONS) {
        let who = format!("user={account},host={address},addr={address}");
        let file = file.display().to_string();
        match output_of(program, &["-T", "-f", &file, "-C", &who], ANSWER_WITHIN) {
            Ok(text) => {
                let (names, from) = cases.entry(applied(&text, account)).or_default();
                names.insert(account.to_owned());
                from.insert(address);
            }
            // What it does not say for one it says for nobody: a broken file, no host key.
            Err(error) => {
                missed(coverage, error.to_string());
                break;
            }
        }
    }
    cases.into_iter().map(|(applied, (names, from))| applied.case(names, from)).collect()
}

/// What sshd applies in one case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Applied {
    channel_s: Option<u32>,
    unused_s: Option<u32>,
    methods: Vec<String>,
    together: String,
}

impl Applied {
    fn case(self, accounts: BTreeSet<String>, from: BTreeSet<IpAddr>) -> SshCase {
        let Self { channel_s, unused_s, methods, together } = self;
        let accounts = accounts.into_iter().take(MOST_NAMED).collect();
        let from = from.iter().map(IpAddr::to_string).collect();
        SshCase { accounts, from, channel_s, unused_s, methods, together }
    }
}

/// Reads what `sshd -T` says: `keyword value`, one line each.
fn applied(text: &str, account: &str) -> Applied {
    let value = |keyword: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
        line.unwrap_or_default().trim()
    };
    let timeouts: String =
        text.lines().filter_map(|line| line.strip_prefix("channeltimeout ")).collect::<Vec<_>>().join(" ");
    let root = if account == "root" { value("permitrootlogin") } else { "yes" };
    let is_on = |method: &&(&str, &str)| value(method.0) == "yes";
    let by_word = ["password", "keyboard_interactive"];
    let allowed = |word: &&str| match root {
        "yes" => true,
        "no" => false,
        _ => !by_word.contains(word),
    };
    let methods = [
        ("pubkeyauthentication", "public_key"),
        ("passwordauthentication", "password"),
        ("kbdinteractiveauthentication", "keyboard_interactive"),
        ("gssapiauthentication", "gssapi"),
        ("hostbasedauthentication", "host_based"),
    ];
    let methods = methods.iter().filter(is_on).map(|(_, word)| *word).filter(allowed);
    let together: String = value("authenticationmethods").chars().take(200).collect();
    Applied {
        channel_s: idle_channel(&timeouts),
        unused_s: seconds(value("unusedconnectiontimeout")),
        methods: methods.map(str::to_owned).collect(),
        together: if together == "any" { String::new() } else { together },
    }
}

/// After how many seconds an idle session of any kind is cut, by the list of `ChannelTimeout`; absent: never.
fn idle_channel(list: &str) -> Option<u32> {
    let limit = |channel: &str| {
        let first = list.split_whitespace().find_map(|pair| {
            let (pattern, time) = pair.split_once('=')?;
            matches(pattern.as_bytes(), channel.as_bytes()).then(|| seconds(time))
        });
        first.flatten()
    };
    longest(CHANNELS.iter().map(|channel| limit(channel)))
}

/// A pattern of ssh_config(5): `*` stands for any letters, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', after)), None) => matches(after, text),
        (Some((b'*', after)), Some((_, rest))) => matches(after, text) || matches(pattern, rest),
        (Some((b'?', after)), Some((_, rest))) => matches(after, rest),
        (Some((letter, after)), Some((other, rest))) => letter == other && matches(after, rest),
        (Some(_), None) => false,
    }
}

/// A time of sshd_config(5): `90`, `4s`, `1h30m`. Absent: never (`none`, 0), or no time.
fn seconds(text: &str) -> Option<u32> {
    let mut sum = 0_u32;
    let mut number: Option<u32> = None;
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    let sum = sum.checked_add(number.unwrap_or(0))?;
    (sum > 0).then_some(sum)
}

/// All text of sshd's configuration that lies where it usually does.
fn configuration(sources: &Sources) -> String {
    let mut text = sources.read(CONFIGURATION).unwrap_or_default();
    for name in names_in(sources, MORE_CONFIGURATION, ".conf") {
        text.push('\n');
        text.push_str(&sources.read(&name).unwrap_or_default());
    }
    text
}

/// Files of a folder with this ending, in their order.
fn names_in(sources: &Sources, folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(sources.path(folder)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    names.sort();
    names.truncate(200);
    names
}

/// Addresses to ask about: anywhere, and one of each network that the configuration names. Second: a criterion of a
/// `Match` that no question covers.
fn addresses(configuration: &str) -> (Vec<IpAddr>, Option<String>) {
    let mut addresses = vec![ANYWHERE];
    let mut unknown = None;
    for line in configuration.lines() {
        let line = line.trim().to_ascii_lowercase();
        let Some(criteria) = line.strip_prefix("match").filter(|rest| rest.starts_with([' ', '\t', '=']))
        else {
            continue;
        };
        let words: Vec<&str> = criteria.split(|c: char| c.is_whitespace() || ",=!\"".contains(c)).collect();
        for word in words.iter().filter(|word| !word.is_empty()) {
            if ["localport", "localaddress", "rdomain", "host"].contains(word) {
                unknown = unknown.or_else(|| Some((*word).to_owned()));
            }
            let network = word.split('/').next().unwrap_or_default();
            if let Ok(address) = network.parse::<IpAddr>() {
                let first = if word.contains('/') { next(address) } else { address };
                addresses.push(first);
            }
        }
    }
    let mut seen = BTreeSet::new();
    addresses.retain(|address| seen.insert(*address));
    addresses.truncate(MOST_ADDRESSES);
    (addresses, unknown)
}

/// The address after the one that names a network.
fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits().saturating_add(1))),
        IpAddr::V6(v6) => IpAddr::V6(std::net::Ipv6Addr::from_bits(v6.to_bits().saturating_add(1))),
    }
}

/// Accounts with a shell.
fn accounts(sources: &Sources) -> Vec<String> {
    let users = sources.read("/etc/passwd").map(|text| parse_passwd(&text)).unwrap_or_default();
    let has_shell = |shell: &str| !["nologin", "false", "sync"].iter().any(|end| shell.ends_with(end));
    // Anything else would be another question to sshd than the one that was meant.
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let users = users.into_iter().filter(|user| has_shell(&user.shell) && is_plain(&user.name));
    users.map(|user| user.name).collect()
}

/// `TMOUT` as the files that every login shell reads set it, and whether it is fixed. Only plain assignments count; what a
/// program would have to run to know is said to be unread.
fn shell(sources: &Sources, coverage: &mut Coverage) -> (Option<u32>, bool) {
    let mut files: Vec<String> =
        ["/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/environment"].map(str::to_owned).to_vec();
    files.extend(names_in(sources, "/etc/profile.d", ".sh"));
    let (mut limit, mut is_fixed) = (None::<u32>, false);
    for file in files {
        let text = sources.read(&file).unwrap_or_default();
        for line in text.lines().filter(|line| line.contains("TMOUT") && !line.trim_start().starts_with('#'))
        {
            match timeout_line(line) {
                Some((seconds, fixed)) => {
                    limit = limit.max(seconds);
                    is_fixed |= fixed;
                }
                None => missed(coverage, format!("{file}: TMOUT is not set by a plain assignment")),
            }
        }
    }
    (limit, is_fixed && limit.is_some())
}

/// Reads `TMOUT=600; readonly TMOUT; export TMOUT` and the like: the seconds it sets, and whether it is fixed.
fn timeout_line(line: &str) -> Option<(Option<u32>, bool)> {
    let (mut limit, mut is_fixed) = (None, false);
    for statement in
        line.split(';').enumerate().map(|(at, part)| if at == 0 { part } else { part.trim_start() })
    {
        let words: Vec<&str> = statement.trim_end().split(' ').collect();
        let (last, before) = words.split_last()?;
        match before {
            [] | ["export"] => {}
            ["readonly"] | ["declare" | "typeset", "-r" | "-rx" | "-xr"] => is_fixed = true,
            ["declare" | "typeset", "-x"] => {}
            _ => return None,
        }
        match (last.strip_prefix("TMOUT")?, before) {
            ("", [_, ..]) => {}
            (value, _) => {
                let number: u32 = value.strip_prefix('=')?.trim_matches('"').parse().ok()?;
                limit = (number > 0).then_some(number);
            }
        }
    }
    Some((limit, is_fixed))
}

/// `StopIdleSessionSec` of logind, by the program of systemd that puts its files together; the last one counts.
fn logind(sources: &Sources) -> Option<u32> {
    let program = Path::new("/usr/bin/systemd-analyze");
    if !program.exists() || !sources.path("/etc/systemd/logind.conf").exists() {
        return None;
    }
    let root = format!("--root={}", sources.root.display());
    let arguments = [root.as_str(), "cat-config", "systemd/logind.conf"];
    let text = output_with(program, &arguments, &[("PATH", "/usr/bin:/bin")], ANSWER_WITHIN).ok()?;
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix("StopIdleSessionSec="));
    span(values.next_back()?)
}

/// A time span of systemd: `900`, `15min`, `1h 30min`. Absent: never (`infinity`, 0), or no time.
fn span(text: &str) -> Option<u32> {
    let mut sum = 0_u32;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u32 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match after.get(..letters)? {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        rest = after.get(letters..)?.trim_start();
    }
    (sum > 0).then_some(sum)
}

/// One row of an answer of a data base.
#[derive(Debug, Deserialize)]
struct Row {
    /// Whose limit; empty: everybody's.
    n: String,
    /// The limit as the data base writes it.
    v: String,
}

/// For everybody, and for the roles and data bases that have one of their own. The value of this very session may be one
/// of its own role: it counts only where it comes from the server.
const POSTGRESQL: &str = "SELECT json_build_object('n', n, 'v', v) FROM (
 SELECT '' n, CASE WHEN source IN ('default', 'configuration file', 'command line', 'environment variable') THEN setting ELSE '?' END v
  FROM pg_settings WHERE name = 'idle_session_timeout'
 UNION ALL SELECT format('%s %s', coalesce(r.rolname, '*'), coalesce(d.datname, '*')), split_part(c, '=', 2)
  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase,
  unnest(s.setconfig) c WHERE c LIKE 'idle_session_timeout=%') everything ORDER BY n";

const MARIADB: &str = "SELECT JSON_OBJECT('n', '', 'v', CONCAT(@@GLOBAL.wait_timeout, 's'));
SELECT JSON_OBJECT('n', 'interactive', 'v', CONCAT(@@GLOBAL.interactive_timeout, 's'));";

fn idle_limits(sources: &Sources, database: &Database) -> Result<Vec<IdleLimit>, String> {
    let name = databases::names(database).first().copied().unwrap_or_default();
    let statements = match database.product {
        Product::Postgresql => POSTGRESQL,
        Product::Mariadb => MARIADB,
    };
    let answer = databases::ask(sources, database, name, statements)?;
    parse_limits(&answer, &database.name)
}

fn parse_limits(answer: &str, database: &str) -> Result<Vec<IdleLimit>, String> {
    let mut limits = Vec::new();
    for line in answer.lines().filter(|line| !line.is_empty()) {
        let row: Row =
            serde_json::from_str(line).map_err(|_| "an answer that is not understood".to_owned())?;
        let name = format!("{database} {}", row.n).trim_end().chars().take(200).collect();
        let idle_s = duration(&row.v).ok_or_else(|| format!("an idle limit `{}` of `{}`", row.v, row.n))?;
        limits.push(IdleLimit { name, idle_s: (idle_s > 0).then_some(idle_s) });
    }
    if limits.is_empty() {
        return Err("no idle limit was told".to_owned());
    }
    Ok(limits)
}

/// A time of PostgreSQL in whole seconds, rounded up: milliseconds where there is no unit. 0: never.
fn duration(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let milliseconds = match text.get(digits..)?.trim() {
        "us" => number.div_ceil(1_000),
        "" | "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "min" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    u32::try_from(milliseconds.div_ceil(1_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_their_programs_read_them() {
        for (text, expected) in [
            ("4s", Some(4)),
            ("600", Some(600)),
            ("1h30m", Some(5_400)),
            ("none", None),
            ("0", None),
            ("m", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (text, expected) in [
            ("15min", Some(900)),
            ("1h 30min", Some(5_400)),
            ("infinity", None),
            ("0", None),
            ("7 parsecs", None),
        ] {
            assert_eq!(span(text), expected, "{text}");
        }
        for (text, expected) in
            [("0", Some(0)), ("900000", Some(900)), ("15min", Some(900)), ("1", Some(1)), ("?", None)]
        {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn a_session_counts_as_cut_only_where_each_kind_of_session_is() {
        assert_eq!(idle_channel("session:*=4s"), Some(4));
        assert_eq!(idle_channel("*=10m"), Some(600));
        assert_eq!(idle_channel("session:shell=4s x11-connection=1"), None, "a command may idle for ever");
        assert_eq!(
            idle_channel("session:shell=4s session:*=2m"),
            Some(120),
            "the first pattern that fits counts"
        );
        assert_eq!(idle_channel("none"), None);
    }

    #[test]
    fn only_plain_assignments_of_the_shell_count() {
        for (line, expected) in [
            ("TMOUT=600", Some((Some(600), false))),
            ("export TMOUT=600", Some((Some(600), false))),
            ("readonly TMOUT=600; export TMOUT", Some((Some(600), true))),
            ("declare -xr TMOUT=900", Some((Some(900), true))),
            ("TMOUT=0", Some((None, false))),
            ("  TMOUT=600", None),
            ("[ -n \"$SSH\" ] && TMOUT=600", None),
            ("unset TMOUT", None),
        ] {
            assert_eq!(timeout_line(line), expected, "{line}");
        }
    }

    #[test]
    fn the_addresses_to_ask_about_are_those_the_configuration_names() {
        let text = "Match Address 10.1.0.0/16,192.0.2.7\n  X y\nmatch user a\nMatch LocalPort 2222\nMatchless 10.9.9.9\n";
        let (found, unknown) = addresses(text);
        let found: Vec<String> = found.iter().map(IpAddr::to_string).collect();
        assert_eq!(found, ["203.0.113.1", "10.1.0.1", "192.0.2.7"]);
        assert_eq!(unknown.as_deref(), Some("localport"));
    }

    #[test]
    fn limits_of_data_bases_are_told_by_role() {
        let answer = "{\"n\":\"\",\"v\":\"0\"}\n{\"n\":\"batch *\",\"v\":\"15min\"}\n";
        let limits = parse_limits(answer, "main").unwrap();
        assert_eq!((limits[0].name.as_str(), limits[0].idle_s), ("main", None));
        assert_eq!((limits[1].name.as_str(), limits[1].idle_s), ("main batch *", Some(900)));
        assert!(
            parse_limits("", "main").is_err() && parse_limits("{\"n\":\"\",\"v\":\"?\"}", "main").is_err()
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_fail(
            text in ".{0,80}",
            lines in "(channeltimeout [a-z:*=0-9 ]{0,20}\n|TMOUT=[0-9]{0,12};|Match [a-z0-9./, ]{0,20}\n){0,6}",
        ) {
            for text in [&text, &lines] {
                let _ = (seconds(text), span(text), duration(text), idle_channel(text), timeout_line(text));
                let _ = (applied(text, "root"), addresses(text), parse_limits(text, "x"));
            }
        }
    }
}
