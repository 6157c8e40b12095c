//! 4.2.a, 4.3.a, 5.a against a real sshd, sudo and journal in a mount namespace of their own. Needs root and Debian's
//! `openssh-server`, `openssh-client`, `sudo` and `systemd`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_agent::collect::c04_sessions;
use yakujo_agent::observe::logins::Logins;
use yakujo_agent::reading::Sources;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::access::{LoginEnd, SessionPolicy};

const WAIT: Duration = Duration::from_secs(60);

/// Runs sshd and the journal over folders of the test: nothing of the machine is changed.
const IN_A_NAMESPACE: &str = r#"
set -e
d=$1
mkdir -p $d/dev $d/journal-socket
mount -t tmpfs none $d/dev
for n in null zero full random urandom tty; do : > $d/dev/$n; mount --bind /dev/$n $d/dev/$n; done
mkdir $d/dev/pts; mount --bind /dev/pts $d/dev/pts; ln -s pts/ptmx $d/dev/ptmx
ln -s /run/systemd/journal/dev-log $d/dev/log
mount --rbind $d/dev /dev
mount -t tmpfs none /run
mkdir -p /run/sshd /run/systemd/journal /run/log/journal
mount --bind $d/run/log/journal /run/log/journal
mkdir -p $d/var/log; mount --bind $d/var/log /var/log
# Without utmp sshd records no end.
: > /run/utmp; : > /var/log/wtmp; : > /var/log/lastlog; (umask 077; : > /var/log/btmp)
/lib/systemd/systemd-journald > /dev/null 2>&1 &
while [ ! -S /run/systemd/journal/dev-log ]; do sleep 0.1; done
/usr/sbin/sshd -D -f $d/etc/ssh/sshd_config > /dev/null 2>&1 &
/usr/sbin/sshd -D -f $d/alive > /dev/null 2>&1 &
read end
su -s /bin/sh nobody -c "logger -t sshd 'Accepted password for root from 192.0.2.66 port 5 ssh2'"
echo written
read end
"#;

struct Host {
    folder: tempfile::TempDir,
    port: u16,
    alive_port: u16,
    running: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

impl Host {
    fn start() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        // `sshd -T` refuses to answer without it; Debian makes it when the service starts.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for name in ["etc/ssh", "run/log/journal"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink("/proc", at("proc")).unwrap();
        for key in ["host_key", "key"] {
            run("/usr/bin/ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
        }
        let (port, alive_port) = (free_port(), free_port());
        let common = |port: u16| {
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM yes\nStrictModes no\n\
                 AuthorizedKeysFile {}\nPermitRootLogin prohibit-password\nKbdInteractiveAuthentication no\n",
                at("host_key"),
                at("key.pub"),
            )
        };
        let cut = "ChannelTimeout session:*=3s\nUnusedConnectionTimeout 3s\nPasswordAuthentication no\n\
                   Match Address 10.1.0.0/16\n  ChannelTimeout session:*=1h\n  PasswordAuthentication yes\n\
                   Match User taro\n  AuthenticationMethods publickey,password\n  PasswordAuthentication yes\n";
        std::fs::write(at("etc/ssh/sshd_config"), common(port) + cut).unwrap();
        std::fs::write(at("alive"), common(alive_port) + "ClientAliveInterval 1\nClientAliveCountMax 2\n")
            .unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\ntaro:x:4242:4242::/:/bin/bash\nweb:x:33:33::/:/usr/sbin/nologin\n";
        std::fs::write(at("etc/passwd"), passwd).unwrap();
        std::fs::write(at("etc/profile"), "export TMOUT=900\n").unwrap();
        let running = Command::new("/usr/bin/unshare")
            .args(["-m", "--propagation", "private", "/bin/bash", "-c", IN_A_NAMESPACE, "bash"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let host = Self { folder, port, alive_port, running };
        for port in [host.port, host.alive_port] {
            let began = Instant::now();
            while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(began.elapsed() < WAIT, "sshd does not listen");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        host
    }

    fn sources(&self) -> Sources {
        Sources::under(self.folder.path())
    }

    fn key(&self) -> String {
        self.folder.path().join("key").display().to_string()
    }

    fn ssh(&self, port: u16, user: &str, more: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/ssh");
        command.args(["-p", &port.to_string(), "-i", &self.key(), "-l", user, "-o", "BatchMode=yes"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-F", "none"]);
        command.args(more).arg("127.0.0.1").stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn policy(&self) -> SessionPolicy {
        match c04_sessions::collect(&self.sources()).facts.remove(0) {
            Fact::SessionPolicy(policy) => policy,
            other => panic!("{other:?}"),
        }
    }

    /// The namespace writes a line that is not sshd's.
    fn forge(&mut self) {
        use std::io::{BufRead, BufReader, Write};
        self.running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        BufReader::new(self.running.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "written\n");
        // What was written before it is in the journal, too, when it is there.
        let journal = self.folder.path().join("run/log/journal").display().to_string();
        let began = Instant::now();
        while !run("/usr/bin/journalctl", &["-q", "-D", &journal]).contains("192.0.2.66") {
            assert!(began.elapsed() < WAIT, "the journal does not take the line");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The group is of this test alone.
        let group = rustix::process::Pid::from_child(&self.running);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.running.wait();
    }
}

fn lives_for(mut child: Child, most: Duration) -> Duration {
    // Its input stays open: nobody types anything.
    let input = child.stdin.take();
    let began = Instant::now();
    while began.elapsed() < most && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let lived = began.elapsed();
    drop(input);
    let _ = child.kill();
    let _ = child.wait();
    lived
}

#[test]
fn an_idle_session_is_cut_as_the_fact_says_case_by_case_and_keep_alive_cuts_nobody() {
    let host = Host::start();
    let policy = host.policy();
    assert_eq!(policy.coverage.reason, "");
    let told: Vec<String> = policy
        .ssh_cases
        .iter()
        .map(|case| {
            let (accounts, from) = (case.accounts.join(","), case.from.join(","));
            format!("{accounts} {from} {:?} {} {}", case.channel_s, case.methods.join("+"), case.together)
        })
        .collect();
    let expected = [
        "root 203.0.113.1 Some(3) public_key ",
        "taro 203.0.113.1 Some(3) public_key+password publickey,password",
        "root 10.1.0.1 Some(3600) public_key ",
        "taro 10.1.0.1 Some(3600) public_key+password publickey,password",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(expected.iter().all(|case| told.iter().any(|told| told == case)), "{told:?}");
    assert_eq!((policy.ssh_channel_s, policy.ssh_unused_s), (Some(3_600), Some(3)));
    assert_eq!((policy.shell_s, policy.shell_fixed), (Some(900), false));
    let idle = |port: u16, most: u64| {
        let mut command = host.ssh(port, "root", &["-tt"]);
        let child = command.arg("sleep 300").stdin(Stdio::piped()).spawn().unwrap();
        lives_for(child, Duration::from_secs(most))
    };
    let lived = idle(host.port, 60);
    assert!(lived > Duration::from_secs(2) && lived < Duration::from_secs(50), "{lived:?}");
    // Trap: a keep-alive that is answered cuts no idle session.
    let lived = idle(host.alive_port, 8);
    assert!(lived >= Duration::from_secs(8), "{lived:?}");
    let own = host.folder.path();
    std::fs::rename(own.join("alive"), own.join("etc/ssh/sshd_config")).unwrap();
    assert_eq!(host.policy().ssh_channel_s, None);
}

#[test]
fn who_came_went_was_refused_or_used_sudo_is_told_of_a_real_journal_and_a_forged_line_is_not() {
    let mut host = Host::start();
    let done = host.ssh(host.port, "root", &[]).arg("sudo -u nobody /bin/echo secret").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "secret\n");
    let stranger = "x from 192.0.2.77 port 5 ssh2";
    assert!(!host.ssh(host.port, stranger, &[]).arg("true").status().unwrap().success());
    host.forge();
    let mut logins = Logins::default();
    let began = Instant::now();
    let mut facts = Vec::new();
    // What is written last is there when the journal has all.
    while !facts.iter().any(|fact| matches!(fact, Fact::LoginFailure(_))) {
        assert!(began.elapsed() < WAIT, "{facts:?}");
        std::thread::sleep(Duration::from_millis(300));
        let later = Timestamp::now() + SignedDuration::from_secs(120);
        facts.extend(logins.look(&host.sources(), None, later).facts);
    }
    let print = run("/usr/bin/ssh-keygen", &["-l", "-f", &host.key()]);
    let print = print.split(' ').nth(1).unwrap();
    let of = |kind: &str| facts.iter().filter(|fact| fact.kind() == kind).collect::<Vec<_>>();
    let [Fact::LoginOpen(open)] = of("login.open")[..] else { panic!("{facts:?}") };
    assert_eq!(
        (open.account.as_str(), open.from.as_str(), open.method.as_str()),
        ("root", "127.0.0.1", "key")
    );
    assert_eq!(open.key.as_deref(), Some(print));
    let [Fact::LoginClose(close)] = of("login.close")[..] else { panic!("{facts:?}") };
    assert_eq!((&close.session, close.reason), (&open.session, LoginEnd::LoggedOut));
    // The second is the `su` of the test itself.
    let [Fact::PrivilegeUse(used), Fact::PrivilegeUse(su)] = of("priv.use")[..] else { panic!("{facts:?}") };
    assert_eq!((su.target.as_str(), su.command.as_str()), ("nobody", "su"));
    assert_eq!((used.account.as_str(), used.target.as_str(), used.allowed), ("root", "nobody", true));
    assert!(Path::new(&used.command).ends_with("echo"), "{used:?}");
    let [Fact::LoginFailure(refused)] = of("login.failure")[..] else { panic!("{facts:?}") };
    assert_eq!((refused.account.as_deref(), refused.from.as_str()), (None, "127.0.0.1"));
    assert!(!format!("{facts:?}").contains("192.0.2."), "{facts:?}");
    let notes = logins.notes();
    let mut again = Logins::from(notes[0].1.as_deref());
    let later = Timestamp::now() + SignedDuration::from_secs(240);
    let told = again.look(&host.sources(), None, later).facts;
    assert!(told.is_empty(), "told twice: {told:?}");
}

/// Looks until something is told that is sought.
fn told(logins: &mut Logins, sources: &Sources, kind: &str) -> Fact {
    let began = Instant::now();
    loop {
        let later = Timestamp::now() + SignedDuration::from_secs(120);
        let reading = logins.look(sources, None, later);
        assert!(reading.reason.contains("install rsyslog"), "{}", reading.reason);
        let mut facts = reading.facts;
        facts.retain(|fact| fact.kind() != "log.source");
        match facts.pop() {
            Some(fact) if fact.kind() == kind && facts.is_empty() => return fact,
            None => {}
            other => panic!("{other:?} {facts:?}"),
        }
        assert!(began.elapsed() < WAIT, "{kind}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn where_no_log_is_kept_a_real_wtmp_and_btmp_tell_who_came_went_and_was_refused() {
    let host = Host::start();
    let without = tempfile::tempdir().unwrap();
    for (place, source) in [("proc", "/proc".into()), ("etc", host.folder.path().join("etc"))] {
        std::os::unix::fs::symlink(source, without.path().join(place)).unwrap();
    }
    std::fs::create_dir(without.path().join("var")).unwrap();
    std::os::unix::fs::symlink(host.folder.path().join("var/log"), without.path().join("var/log")).unwrap();
    let (sources, mut logins) = (Sources::under(without.path()), Logins::default());
    // With a terminal: of others sshd records nothing.
    let mut command = host.ssh(host.alive_port, "root", &["-tt"]);
    let mut client = command.arg("sleep 300").stdin(Stdio::piped()).spawn().unwrap();
    let Fact::LoginOpen(open) = told(&mut logins, &sources, "login.open") else { panic!("{logins:?}") };
    assert_eq!((open.account.as_str(), open.from.as_str()), ("root", "127.0.0.1"));
    assert_eq!((open.method.as_str(), open.key), ("not_told", None));
    let later = Timestamp::now() + SignedDuration::from_secs(300);
    assert!(logins.look(&sources, None, later).facts.is_empty(), "it goes on");
    client.kill().unwrap();
    client.wait().unwrap();
    let Fact::LoginClose(close) = told(&mut logins, &sources, "login.close") else { panic!("{logins:?}") };
    assert_eq!((close.session, close.reason), (open.session, LoginEnd::NotTold));
    // Its prompt is no password of anybody.
    let mut refused = Command::new("/usr/bin/ssh");
    refused.args(["-F", "none", "-p", &host.alive_port.to_string(), "-o", "NumberOfPasswordPrompts=1"]);
    refused.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    refused.args(["-o", "PubkeyAuthentication=no", "root@127.0.0.1", "true"]).stderr(Stdio::null());
    refused.env("SSH_ASKPASS", "/bin/echo").env("SSH_ASKPASS_REQUIRE", "force");
    assert!(!refused.status().unwrap().success());
    let Fact::LoginFailure(told) = told(&mut logins, &sources, "login.failure") else { panic!("{logins:?}") };
    assert_eq!((told.account.as_deref(), told.from.as_str(), told.count), (Some("root"), "127.0.0.1", 1));
}
