//! 11.a: accounts, groups, keys and the rules of sudo. No secret is read into a fact: of a password only whether one can
//! log in with it, of a key only its fingerprint.

use super::c11_roles::Roles;
use crate::command::output_of;
use crate::reading::{Items, Reading, Sources, from_unix, in_parts, open_content};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;
use yakujo_contract::change::Object;
use yakujo_contract::fact::host::{Account, AccountSet, Login, PrivilegeRules};
use yakujo_contract::fact::{Coverage, Fact};

/// More accounts are counted, not listed.
const MOST_ACCOUNTS: usize = 20_000;
/// Groups whose members may become root.
const ADMINISTRATORS: [&str; 4] = ["sudo", "wheel", "admin", "root"];
/// Size of a record of `/var/log/lastlog`: time (4), terminal (32), host (256).
const LASTLOG_RECORD: u64 = 292;
const DAY: i64 = 86_400;
/// Longest path of a shell or a home folder that is told, characters.
const LONGEST_PATH: usize = 300;
const MOST_RULES: usize = 400;
/// Largest file of authorised keys that is read, bytes.
const MOST_KEYS: u64 = 1024 * 1024;

/// A line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Shell.
    pub shell: String,
}

/// A line of `/etc/shadow`, without its secret; days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowLine {
    /// What the password allows.
    pub password: Password,
    /// The password was set.
    pub set: Option<i64>,
    /// The account ends.
    pub expires: Option<i64>,
}

/// What may be known of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// One can log in with it.
    Usable,
    /// One can log in without any.
    Empty,
    /// One cannot log in with it.
    Locked,
}

/// Reads accounts and rules, with the roles of data bases as they were seen.
#[must_use]
pub fn collect(sources: &Sources, roles: &Roles) -> Reading {
    let users = match sources.read("/etc/passwd") {
        Ok(text) => parse_passwd(&text),
        Err(error) => return Reading::failed(format!("/etc/passwd: {error}")),
    };
    let mut coverage = Coverage::default();
    let shadow = sources.read("/etc/shadow").map(|text| parse_shadow(&text));
    if let Err(error) = &shadow {
        missed(&mut coverage, format!("/etc/shadow: {error}"));
    }
    let groups = sources.read("/etc/group").map(|text| parse_group(&text)).unwrap_or_default();
    let rules = privilege_rules(sources);
    let named = named_by(&rules.rules);
    coverage.skipped = u32::try_from(users.len().saturating_sub(MOST_ACCOUNTS)).unwrap_or(u32::MAX);
    let mut accounts: Vec<Account> = Vec::new();
    for user in users.into_iter().take(MOST_ACCOUNTS) {
        let line = shadow.as_ref().ok().map(|all| all.get(&user.name).copied());
        let groups = groups_of(&user, &groups);
        accounts.push(account(sources, &user, line, groups, &named, &mut coverage));
    }
    accounts.extend(roles.accounts.iter().cloned());
    for missed in &roles.missed {
        // Unlike a password that cannot be read, a list that cannot be read hides accounts.
        coverage.skipped = coverage.skipped.saturating_add(1);
        coverage.reason = format!("roles of {missed}");
    }
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    accounts.dedup_by(|a, b| a.name == b.name);
    let reason =
        if coverage.reason.is_empty() { rules.coverage.reason.clone() } else { coverage.reason.clone() };
    let set = |(part, accounts)| Fact::AccountSet(AccountSet { part, accounts, coverage: coverage.clone() });
    let mut facts: Vec<Fact> = in_parts(&accounts).into_iter().map(set).collect();
    facts.push(Fact::PrivilegeRules(rules));
    Reading::of(facts, reason)
}

/// Accounts and rules by name, to be compared with what they were. A login changes no account; what changes a role of a data
/// base is told with its structure.
#[must_use]
pub fn items(reading: &Reading) -> Vec<Items> {
    let (mut accounts, mut rules) = (Items::of(Object::Account), Items::of(Object::Privilege));
    for fact in &reading.facts {
        match fact {
            Fact::AccountSet(set) => {
                for account in set.accounts.iter().filter(|account| account.database().is_none()) {
                    accounts.items.insert(account.name.clone(), open_content(&described(account)));
                }
                accounts.coverage = accounts.coverage.worse(&set.coverage);
            }
            Fact::PrivilegeRules(set) => {
                rules.items.extend(set.rules.iter().map(|rule| (rule.clone(), open_content(rule))));
                rules.coverage = set.coverage.clone();
            }
            _ => {}
        }
    }
    vec![accounts, rules]
}

fn described(account: &Account) -> String {
    let login = match account.login {
        Login::Possible => "possible",
        Login::Unreadable => "unreadable",
        Login::Locked => "locked",
        Login::None => "none",
    };
    let privileged = if account.privileged { "yes" } else { "no" };
    let at = |name: &str, at: Option<Timestamp>| at.map_or_else(String::new, |at| format!(" {name}={at}"));
    format!(
        "uid={} login={login} privileged={privileged} groups={} keys={} shell={} home={}{}{}",
        account.uid,
        account.groups.join(","),
        account.keys.join(","),
        account.shell,
        account.home,
        at("expires", account.expires),
        at("password_set", account.password_set),
    )
}

fn missed(coverage: &mut Coverage, reason: String) {
    coverage.unreadable = coverage.unreadable.saturating_add(1);
    coverage.reason = reason;
}

fn account(
    sources: &Sources,
    user: &User,
    shadow: Option<Option<ShadowLine>>,
    groups: Vec<String>,
    named: &BTreeSet<String>,
    coverage: &mut Coverage,
) -> Account {
    let (keys, trouble) = keys_of(sources, user);
    let keys_are_known = trouble.is_none();
    if let Some(trouble) = trouble {
        missed(coverage, trouble);
    }
    let has_shell =
        !["nologin", "false", "sync", "halt", "shutdown"].iter().any(|end| user.shell.ends_with(end));
    let login = match shadow.map(|line| line.map(|line| line.password)) {
        _ if !has_shell => Login::None,
        None => Login::Unreadable,
        Some(Some(Password::Usable | Password::Empty)) => Login::Possible,
        Some(Some(Password::Locked) | None) if !keys.is_empty() => Login::Possible,
        Some(Some(Password::Locked) | None) if keys_are_known => Login::Locked,
        // A key that could not be read may open it.
        Some(Some(Password::Locked) | None) => Login::Unreadable,
    };
    let in_named = groups.iter().any(|group| named.contains(&format!("%{group}")));
    let administrator = groups.iter().any(|group| ADMINISTRATORS.contains(&group.as_str()));
    let privileged = user.uid == 0 || administrator || in_named || named.contains(&user.name);
    let day = |day: fn(&ShadowLine) -> Option<i64>| {
        shadow.flatten().and_then(|line| from_unix(day(&line)?.checked_mul(DAY)?))
    };
    Account {
        name: user.name.clone(),
        uid: user.uid,
        login,
        groups,
        privileged,
        keys,
        last_login: last_login(sources, user.uid),
        expires: day(|line| line.expires),
        shell: user.shell.chars().take(LONGEST_PATH).collect(),
        home: user.home.chars().take(LONGEST_PATH).collect(),
        password_set: day(|line| line.set),
    }
}

/// Reads `/etc/passwd`; lines that are none are left out.
#[must_use]
pub fn parse_passwd(text: &str) -> Vec<User> {
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let name = fields.first().filter(|name| !name.is_empty() && !name.starts_with(['#', '+', '-']))?;
        Some(User {
            name: name.chars().take(256).collect(),
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: (*fields.get(5)?).to_owned(),
            shell: (*fields.get(6)?).to_owned(),
        })
    };
    text.lines().filter_map(user).collect()
}

/// Reads `/etc/shadow`, by name.
#[must_use]
pub fn parse_shadow(text: &str) -> BTreeMap<String, ShadowLine> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let password = match *fields.get(1)? {
            "" => Password::Empty,
            locked if locked.starts_with(['!', '*']) => Password::Locked,
            _ => Password::Usable,
        };
        let day = |at: usize| fields.get(at).and_then(|day| day.parse().ok());
        Some(((*fields.first()?).to_owned(), ShadowLine { password, set: day(2), expires: day(7) }))
    };
    text.lines().filter_map(row).collect()
}

/// Reads `/etc/group`: name, id, members.
#[must_use]
pub fn parse_group(text: &str) -> Vec<(String, u32, Vec<String>)> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let members = fields.get(3)?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(((*fields.first()?).to_owned(), fields.get(2)?.parse().ok()?, members))
    };
    text.lines().filter_map(row).collect()
}

fn groups_of(user: &User, groups: &[(String, u32, Vec<String>)]) -> Vec<String> {
    let belongs =
        |(_, gid, members): &&(String, u32, Vec<String>)| *gid == user.gid || members.contains(&user.name);
    let mut names: Vec<String> = groups.iter().filter(belongs).map(|(name, _, _)| name.clone()).collect();
    names.sort();
    names.truncate(100);
    names
}

fn keys_of(sources: &Sources, user: &User) -> (Vec<String>, Option<String>) {
    let mut keys = BTreeSet::new();
    let mut trouble = None;
    for file in ["authorized_keys", "authorized_keys2"] {
        let path = format!("{}/.ssh/{file}", user.home);
        match own_text(&sources.path(&path), user.uid) {
            Ok(text) => keys.extend(fingerprints(&text)),
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {}
            Err(error) => trouble = Some(format!("{path}: {error}")),
        }
    }
    (keys.into_iter().take(200).collect(), trouble)
}

/// The text of a file in somebody's home folder, who may have put anything there: a pipe nobody writes into, a device, a link
/// to what is somebody else's. So it is looked at before it is opened, and a link leads only to what sshd would read, too: a
/// file of the account, or one of root that everybody may read.
fn own_text(path: &Path, uid: u32) -> std::io::Result<String> {
    let handle = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let seen = rustix::fs::fstat(&handle)?;
    if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile {
        return Err(std::io::Error::other("no regular file"));
    }
    let is_led_away = std::fs::symlink_metadata(path)?.is_symlink()
        || path.parent().is_some_and(|folder| folder.is_symlink());
    let is_own = seen.st_uid == uid || (seen.st_uid == 0 && seen.st_mode & 0o004 != 0);
    if is_led_away && !is_own {
        return Err(std::io::Error::other("a link to somebody else's file"));
    }
    if u64::try_from(seen.st_size).is_ok_and(|size| size > MOST_KEYS) {
        return Err(std::io::Error::other(format!("larger than {MOST_KEYS} bytes")));
    }
    let mut bytes = Vec::new();
    // The very file that was looked at, whatever stands in its place now.
    let file = std::fs::File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
    file.take(MOST_KEYS).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fingerprints (`SHA256:…` as OpenSSH writes them) of the keys in an `authorized_keys` file.
#[must_use]
pub fn fingerprints(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(key_blob).map(|blob| format!("SHA256:{}", BASE64.encode(Sha256::digest(blob)))).collect()
}

/// The key of a line: the first word that is base64 of something that begins with its own type's name.
fn key_blob(line: &str) -> Option<Vec<u8>> {
    line.split_whitespace().filter_map(decode).find(|blob| {
        let length = blob.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
        let name = length.and_then(|length| blob.get(4..4_usize.checked_add(usize::try_from(length).ok()?)?));
        name.is_some_and(|name| (3..64).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic))
    })
}

/// As OpenSSH writes it: without padding; read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How long the word of a key is, characters.
const KEY_LETTERS: std::ops::RangeInclusive<usize> = 16..=16_384;

fn decode(word: &str) -> Option<Vec<u8>> {
    KEY_LETTERS.contains(&word.len()).then(|| BASE64.decode(word).ok()).flatten()
}

fn last_login(sources: &Sources, uid: u32) -> Option<Timestamp> {
    let mut file = std::fs::File::open(sources.path("/var/log/lastlog")).ok()?;
    file.seek(SeekFrom::Start(u64::from(uid).checked_mul(LASTLOG_RECORD)?)).ok()?;
    let mut seconds = [0_u8; 4];
    file.read_exact(&mut seconds).ok()?;
    let seconds = u32::from_le_bytes(seconds);
    if seconds == 0 { None } else { from_unix(i64::from(seconds)) }
}

/// The rules of sudo, by its own exporter: its language is not to be read by hand.
fn privilege_rules(sources: &Sources) -> PrivilegeRules {
    let mut rules = PrivilegeRules { rules: Vec::new(), coverage: Coverage::default() };
    let sudoers = sources.path("/etc/sudoers");
    if !sudoers.exists() {
        return rules;
    }
    let exporter = ["/usr/bin/cvtsudoers", "/usr/sbin/cvtsudoers"].map(std::path::Path::new);
    let Some(exporter) = exporter.into_iter().find(|path| path.exists()) else {
        missed(
            &mut rules.coverage,
            "cvtsudoers is not installed, so the rules of sudo are not read".to_owned(),
        );
        return rules;
    };
    let file = sudoers.display().to_string();
    match output_of(exporter, &["-f", "json", "-e", &file], Duration::from_secs(5)) {
        Ok(text) => rules.rules = parse_rules(&text),
        Err(error) => missed(&mut rules.coverage, error.to_string()),
    }
    let skipped = rules.rules.len().saturating_sub(MOST_RULES);
    rules.coverage.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
    rules.rules.truncate(MOST_RULES);
    rules
}

/// Reads the JSON of `cvtsudoers`: one line per rule.
#[must_use]
pub fn parse_rules(json: &str) -> Vec<String> {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(json) else { return Vec::new() };
    let list = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(|list| list.as_array()).cloned().unwrap_or_default()
    };
    let mut rules = Vec::new();
    for spec in list(&document, "User_Specs") {
        let (who, hosts) = (names(&list(&spec, "User_List")), names(&list(&spec, "Host_List")));
        for commands in list(&spec, "Cmnd_Specs") {
            let as_whom = names(&list(&commands, "runasusers"));
            let what = names(&list(&commands, "Commands"));
            let rule = format!("{who} {hosts}=({as_whom}) {what}");
            rules.push(rule.chars().take(120).collect());
        }
    }
    rules.sort();
    rules.dedup();
    rules
}

/// `{"username": "x"}`, `{"usergroup": "g"}` … as sudo writes them.
fn names(list: &[serde_json::Value]) -> String {
    let mut words = Vec::new();
    for value in list {
        for (key, name) in value.as_object().into_iter().flatten() {
            let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
            words.push(if key == "usergroup" { format!("%{name}") } else { name });
        }
    }
    words.join(",")
}

/// Users and `%groups` that a rule names.
fn named_by(rules: &[String]) -> BTreeSet<String> {
    let who = rules.iter().filter_map(|rule| rule.split(' ').next());
    who.flat_map(|who| who.split(',')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("etc")).unwrap();
        std::fs::create_dir_all(tree.path().join("home/hanako/.ssh")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nhanako:x:1000:1000::/home/hanako:/bin/bash\n\
                      taro:x:1001:1001::/home/taro:/bin/bash\nweb:x:33:33::/var/www:/usr/sbin/nologin\n";
        std::fs::write(tree.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(tree.path().join("etc/group"), "root:x:0:\nsudo:x:27:hanako\ntaro:x:1001:\n").unwrap();
        let shadow = "root:*:1:0:::::\nhanako:!:1:0:::::\ntaro:$y$secret$hash:1:0::::20000:\n";
        std::fs::write(tree.path().join("etc/shadow"), shadow).unwrap();
        std::fs::write(
            tree.path().join("home/hanako/.ssh/authorized_keys"),
            format!("# c\nno-pty ssh-ed25519 {KEY} h@x\n"),
        )
        .unwrap();
        tree
    }

    #[test]
    fn accounts_say_who_can_log_in_and_who_has_privilege_and_hold_no_secret() {
        let tree = tree();
        let reading = collect(&Sources::under(tree.path()), &Roles::default());
        let Fact::AccountSet(set) = &reading.facts[0] else { panic!("{reading:?}") };
        let find = |name: &str| set.accounts.iter().find(|account| account.name == name).unwrap();
        assert_eq!((find("root").login, find("root").privileged), (Login::Locked, true));
        assert_eq!(
            (find("hanako").login, find("hanako").privileged),
            (Login::Possible, true),
            "locked, but with a key"
        );
        assert_eq!((find("taro").login, find("taro").privileged), (Login::Possible, false));
        assert_eq!(find("taro").expires.unwrap().as_second(), 20_000 * DAY);
        assert_eq!(find("web").login, Login::None);
        assert_eq!(
            (find("web").shell.as_str(), find("web").home.as_str()),
            ("/usr/sbin/nologin", "/var/www")
        );
        assert_eq!(find("hanako").password_set.unwrap().as_second(), DAY);
        let json = serde_json::to_string(&reading.facts).unwrap();
        assert!(!json.contains("secret") && !json.contains(KEY));
        assert_eq!(reading.reason, "");
    }

    #[test]
    fn without_the_shadow_file_the_login_is_unreadable_and_said_to_be_so() {
        let tree = tree();
        std::fs::remove_file(tree.path().join("etc/shadow")).unwrap();
        let reading = collect(&Sources::under(tree.path()), &Roles::default());
        assert!(reading.reason.contains("/etc/shadow"));
        let Fact::AccountSet(set) = &reading.facts[0] else { panic!("{reading:?}") };
        assert_eq!(
            set.accounts.iter().find(|account| account.name == "taro").unwrap().login,
            Login::Unreadable
        );
        assert_eq!(set.coverage.unreadable, 1);
    }

    /// Reads on a thread of its own, so that one that hangs fails the test.
    fn keys_in_time(tree: &Path, name: &str, uid: u32) -> (Vec<String>, Option<String>) {
        let (sources, home) = (Sources::under(tree), format!("/home/{name}"));
        let (name, shell) = (name.to_owned(), "/bin/sh".to_owned());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(keys_of(&sources, &User { name, uid, gid: uid, home, shell })));
        told.recv_timeout(Duration::from_secs(10)).expect("the collector hangs")
    }

    #[test]
    fn what_somebody_puts_in_the_place_of_keys_neither_holds_the_collector_nor_leads_it_elsewhere() {
        let tree = tree();
        let ssh = tree.path().join("home/taro/.ssh");
        std::fs::create_dir_all(&ssh).unwrap();
        let (keys, others) =
            (ssh.join("authorized_keys"), tree.path().join("home/hanako/.ssh/authorized_keys"));
        let made = std::process::Command::new("mkfifo").arg(&keys).status().unwrap();
        assert!(made.success());
        let replace = |by: &dyn Fn(&Path)| {
            std::fs::remove_file(&keys).unwrap();
            by(&keys);
        };
        let why = || keys_in_time(tree.path(), "taro", u32::MAX).1.unwrap_or_default();
        assert!(why().ends_with("no regular file"), "a pipe");
        let reading = collect(&Sources::under(tree.path()), &Roles::default());
        assert!(reading.reason.contains("/home/taro/.ssh/authorized_keys"), "{}", reading.reason);
        replace(&|keys| std::os::unix::fs::symlink("/dev/zero", keys).unwrap());
        assert!(why().ends_with("no regular file"), "a device");
        replace(&|keys| std::fs::create_dir(keys).unwrap());
        assert!(why().ends_with("no regular file"), "a folder");
        std::fs::remove_dir(&keys).unwrap();
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&others, only_owner).unwrap();
        std::os::unix::fs::symlink(&others, &keys).unwrap();
        assert!(why().ends_with("somebody else's file"), "a link to another's keys");
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&others).unwrap());
        assert_eq!(keys_in_time(tree.path(), "taro", owner).0.len(), 1, "sshd would read this, too");
        replace(&|keys| std::fs::File::create(keys).unwrap().set_len(MOST_KEYS + 1).unwrap());
        assert!(why().contains("larger than"));
        replace(&|keys| std::fs::write(keys, format!("ssh-ed25519 {KEY} t@x\n")).unwrap());
        assert_eq!(keys_in_time(tree.path(), "taro", u32::MAX).0.len(), 1);
    }

    #[test]
    fn a_fingerprint_is_the_one_that_openssh_shows() {
        // By `ssh-keygen -lf` over the same line.
        let shown = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA";
        assert_eq!(fingerprints(&format!("ssh-ed25519 {KEY} x")), [shown]);
        assert_eq!(decode("TWFuTWFuTWFuTWFu").unwrap(), b"ManManManMan");
    }

    #[test]
    fn rules_of_sudo_become_lines() {
        let json = r#"{"User_Specs":[{"User_List":[{"usergroup":"sudo"}],"Host_List":[{"hostname":"ALL"}],
            "Cmnd_Specs":[{"runasusers":[{"username":"ALL"}],"Commands":[{"command":"ALL"}]}]}]}"#;
        assert_eq!(parse_rules(json), ["%sudo ALL=(ALL) ALL"]);
        assert!(named_by(&parse_rules(json)).contains("%sudo"));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in ".{0,300}", rows in "([a-z:!*0-9,]{0,40}\n){0,6}", word in "[A-Za-z0-9+/=]{16,200}") {
            for text in [&text, &rows, &word] {
                let _ = (parse_passwd(text), parse_shadow(text), parse_group(text), fingerprints(text), parse_rules(text));
            }
        }
    }
}
