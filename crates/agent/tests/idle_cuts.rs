//! 4.2.a: sessions that are left alone at a real sshd, a real PostgreSQL, a real MariaDB and a small web application, with
//! seconds for minutes. Needs root and Debian's `openssh-server`, `openssh-client`, `postgresql` and `mariadb-server`.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

mod servers;

use servers::{Mariadb, Postgres, run, secret};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use yakujo_agent::idle::tried;
use yakujo_agent::settings;
use yakujo_contract::fact::probe::ProbeSessionCut;
use yakujo_contract::target::Target;

/// Limits of the servers are a few seconds, so that a slow machine opens both sessions within them.
const IDLE: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(60);

const IN_A_NAMESPACE: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/sshd $1/log
mount --bind $1/log /var/log
: > /run/utmp; : > /var/log/wtmp; : > /var/log/lastlog
exec /usr/sbin/sshd -D -f $2 > /dev/null 2>&1
"#;

/// A real sshd with a line of settings of its own; gone when it is dropped.
struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    running: Child,
}

impl Sshd {
    fn start(line: &str) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for key in ["host_key", "key"] {
            run("/usr/bin/ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             AuthorizedKeysFile {}\nPermitRootLogin prohibit-password\n{line}\n",
            at("host_key"),
            at("key.pub"),
        );
        std::fs::write(at("settings"), settings).unwrap();
        let key = std::fs::read_to_string(at("host_key.pub")).unwrap();
        std::fs::write(at("known_hosts"), format!("127.0.0.1 {key}")).unwrap();
        let running = Command::new("/usr/bin/unshare")
            .args(["-m", "--propagation", "private", "/bin/bash", "-c", IN_A_NAMESPACE, "bash"])
            .args([folder.path().display().to_string(), at("settings")])
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < WAIT, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { folder, port, running }
    }

    fn door(&self, key: &str, known_hosts: &str) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        format!(
            "ssh = {{ account = \"root\", key = \"{}\", known_hosts = \"{}\" }}",
            at(key),
            at(known_hosts)
        )
    }

    fn tried(&self) -> ProbeSessionCut {
        left_alone("", &self.door("key", "known_hosts"), "tcp", &format!("127.0.0.1:{}", self.port))
    }

    /// Ends the sessions, which outlive the process that listens.
    fn end_sessions(&self) {
        let own = self.running.id().to_string();
        let children = run("/usr/bin/pgrep", &["-P", &own]);
        assert!(children.lines().count() >= 2, "both sessions: {children}");
        for child in children.lines() {
            run("/bin/kill", &["-KILL", child]);
        }
    }

    fn end(&self) {
        // The group is of this test alone.
        let group = rustix::process::Pid::from_child(&self.running);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
        let _ = self.running.wait();
    }
}

fn left_alone(databases: &str, door: &str, means: &str, address: &str) -> ProbeSessionCut {
    let text = format!("{databases}\n[[idle_session]]\ntarget = \"door\"\nrole = \"admin\"\n{door}\n");
    let file = settings::parse(&text).unwrap();
    let target = format!(
        "{{\"target\":\"door\",\"system\":\"main\",\"name\":\"x\",\"means\":\"{means}\",\"address\":\"{address}\",\
         \"every_s\":30,\"probes\":[\"out-1\"]}}"
    );
    let target: Target = serde_json::from_str(&target).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = runtime.block_on(tried(file.idle_sessions.first().unwrap(), &file, &target, IDLE));
    assert_eq!((told.target.as_str(), told.role.as_str()), ("door", "admin"));
    told
}

fn is_cut(told: &ProbeSessionCut) {
    assert!(told.cut && told.old_token_refused && told.not_tried.is_none(), "{told:?}");
    assert!((10..30).contains(&told.idle_s), "{told:?}");
}

fn is_not_cut(told: &ProbeSessionCut) {
    assert!(!told.cut && told.not_tried.is_none() && told.idle_s >= 10, "{told:?}");
}

/// A session that could not be tried is never one that was cut, nor one that was not.
fn is_not_tried(told: &ProbeSessionCut, why: &str) {
    let said = told.not_tried.clone().unwrap_or_default();
    assert!(said.contains(why) && !told.cut && told.idle_s == 0, "{why}: {told:?}");
}

#[test]
fn a_session_of_sshd_is_cut_by_its_channel_timeout_and_by_the_shell_and_not_by_being_alive() {
    is_cut(&Sshd::start("ChannelTimeout session:*=6s\nUnusedConnectionTimeout 6s").tried());
    is_cut(&Sshd::start("SetEnv TMOUT=6").tried());
    is_not_cut(&Sshd::start("ClientAliveInterval 1\nClientAliveCountMax 2").tried());
}

#[test]
fn a_log_in_that_fails_a_door_that_is_closed_and_a_server_that_ends_are_no_cut() {
    let sshd = Sshd::start("ChannelTimeout session:*=6s");
    let at = format!("127.0.0.1:{}", sshd.port);
    is_not_tried(&left_alone("", &sshd.door("host_key", "known_hosts"), "tcp", &at), "Permission denied");
    is_not_tried(&left_alone("", &sshd.door("key", "nowhere"), "tcp", &at), "host key is known");
    is_not_tried(&left_alone("", &sshd.door("key", "known_hosts"), "icmp", "127.0.0.1"), "no door of sshd");
    std::thread::scope(|scope| {
        let told = scope.spawn(|| sshd.tried());
        std::thread::sleep(Duration::from_secs(6));
        sshd.end_sessions();
        is_not_tried(&told.join().unwrap(), "session");
    });
    sshd.end();
    is_not_tried(&sshd.tried(), "Connection refused");
}

#[test]
fn a_session_of_postgresql_is_cut_by_its_idle_timeout_and_not_by_somebody_who_ends_all() {
    let server = Postgres::start();
    server.sql("postgres", "CREATE ROLE yakujo LOGIN PASSWORD 'secret'");
    let place = server.folder().display().to_string();
    let text = format!("[main]\nhost={place}\nuser=yakujo\npassword=secret\ndbname=postgres\n");
    let access = secret(server.folder().join("access"), &text).display().to_string();
    let database = format!("[[database]]\nproduct = \"postgresql\"\nname = \"main\"\naccess = \"{access}\"");
    let tried = || left_alone(&database, "database = \"main\"", "tcp", "127.0.0.1:5432");
    is_not_cut(&tried());
    std::thread::scope(|scope| {
        let told = scope.spawn(tried);
        std::thread::sleep(Duration::from_secs(6));
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'yakujo'";
        server.sql("postgres", all);
        is_not_tried(&told.join().unwrap(), "the session that was used ended");
    });
    server.sql("postgres", "ALTER ROLE yakujo SET idle_session_timeout = '6s'");
    is_cut(&tried());
    server.sql("postgres", "ALTER ROLE yakujo PASSWORD 'another'");
    is_not_tried(&tried(), "password authentication failed");
}

#[test]
fn a_session_of_mariadb_is_cut_by_its_wait_timeout() {
    let server = Mariadb::start();
    server.sql("CREATE USER yakujo@localhost IDENTIFIED BY 'secret'");
    let text = format!("[client]\nsocket={}\nuser=yakujo\npassword=secret\n", server.socket());
    let access = secret(server.folder().join("access"), &text).display().to_string();
    let database = format!("[[database]]\nproduct = \"mariadb\"\nname = \"main\"\naccess = \"{access}\"");
    let tried = || left_alone(&database, "database = \"main\"", "tcp", "127.0.0.1:3306");
    is_not_cut(&tried());
    server.sql("SET GLOBAL wait_timeout = 6");
    is_cut(&tried());
}

/// How a web application treats idle sessions.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    Cuts,
    Keeps,
    /// Cuts, and takes the old cookie again once it has asked to sign in.
    ForgetsThatItCut,
    /// Loses all sessions after a while, as one that is started again.
    LosesAll,
    /// A second log-in ends the first.
    OneEach,
}

/// A web application with a form, a token and sessions that live six seconds without use.
fn application(habit: Habit) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sessions: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    std::thread::spawn(move || {
        let began = Instant::now();
        for stream in listener.incoming().flatten() {
            answer(stream, habit, &sessions, began);
        }
    });
    format!("http://{address}/")
}

fn answer(mut stream: TcpStream, habit: Habit, sessions: &Mutex<HashMap<String, Instant>>, began: Instant) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length, mut cookie) = (String::new(), 0, String::new());
    reader.read_line(&mut head).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse().unwrap(),
            "cookie" => value.clone_into(&mut cookie),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut sessions = sessions.lock().unwrap();
    if habit == Habit::LosesAll && began.elapsed() > Duration::from_secs(6) {
        sessions.clear();
    }
    let idle = |used: &Instant| used.elapsed() > Duration::from_secs(6) && habit != Habit::Keeps;
    let form = "<form method=post action=/in><input type=hidden name=token value=t1>\
                <input name=user><input type=password name=pass></form>";
    let reply = if head.starts_with("POST /in") {
        let is_right = body == b"pass=secret%21&token=t1&user=probe";
        if habit == Habit::OneEach {
            sessions.clear();
        }
        let name = format!(
            "sid=s{}",
            sessions.len() + usize::from(habit == Habit::OneEach) * began.elapsed().subsec_micros() as usize
        );
        if is_right {
            sessions.insert(name.clone(), Instant::now());
        }
        format!(
            "HTTP/1.1 303 See Other\r\nLocation: /\r\nSet-Cookie: {name}; Path=/; HttpOnly\r\nContent-Length: 0\r\n\r\n"
        )
    } else if head.starts_with("GET /mine") && sessions.get(&cookie).is_some_and(|used| !idle(used)) {
        sessions.insert(cookie, Instant::now());
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nMy records".to_owned()
    } else if head.starts_with("GET /mine") {
        if sessions.remove(&cookie).is_some() && habit == Habit::ForgetsThatItCut {
            sessions.insert(cookie, Instant::now());
        }
        "HTTP/1.1 302 Found\r\nLocation: /in\r\nContent-Length: 0\r\n\r\n".to_owned()
    } else {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{form}", form.len())
    };
    stream.write_all(reply.as_bytes()).unwrap();
}

#[test]
fn a_session_of_a_web_application_is_cut_where_its_cookie_opens_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let fields = "[fields]\nuser = \"probe\"\npass = \"secret!\"\n";
    let access = secret(folder.path().join("access"), fields).display().to_string();
    let door = format!(
        "web = {{ page = \"/mine\", text = \"My records\", sign_in = \"/in\", access = \"{access}\" }}"
    );
    let tried = |habit| left_alone("", &door, "http", &application(habit));
    is_cut(&tried(Habit::Cuts));
    is_not_cut(&tried(Habit::Keeps));
    is_not_tried(&tried(Habit::LosesAll), "the session that was used ended");
    is_not_tried(&tried(Habit::OneEach), "it could not be signed in to");
    let told = tried(Habit::ForgetsThatItCut);
    assert!(told.cut && !told.old_token_refused, "{told:?}");
    secret(folder.path().join("access"), "[fields]\nuser = \"probe\"\npass = \"wrong\"\n");
    is_not_tried(&tried(Habit::Cuts), "it could not be signed in to");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(&access, mode).unwrap();
    is_not_tried(&tried(Habit::Cuts), "chmod 600");
}
