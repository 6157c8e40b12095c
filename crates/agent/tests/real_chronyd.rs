//! 6.a against real chronyd: one serves, one follows it with an offset and is asked. Both leave the machine's clock alone
//! (`-x`). Needs Debian's `chrony`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

mod asked;

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_agent::collect::c06_clocks;
use yakujo_agent::reading::Sources;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::host::ClockState;

struct Chronyd {
    child: Child,
    _folder: tempfile::TempDir,
    port: u16,
    command_port: u16,
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Chronyd {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, command_port) = (free_port(), free_port());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let settings = format!(
            "port {port}\ncmdport {command_port}\nbindaddress 127.0.0.1\nbindcmdaddress 127.0.0.1\nallow 127.0.0.1\n\
             bindcmdaddress {}\npidfile {}\n{more}\n",
            at("sock"),
            at("pid")
        );
        std::fs::write(at("chrony.conf"), settings).unwrap();
        let child = Command::new("/usr/sbin/chronyd")
            .args(["-x", "-d", "-u", "root", "-f", &at("chrony.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Debian's chrony: apt-get install chrony");
        Self { child, _folder: folder, port, command_port }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Chronyd {
    fn drop(&mut self) {
        self.end();
    }
}

/// A time source of our own that is 1.75 s ahead of this machine: a real clock cannot be stepped here.
fn source_ahead() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut request = [0_u8; 512];
        while let Ok((n, from)) = socket.recv_from(&mut request) {
            if n < 48 {
                continue;
            }
            let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let ahead = since_1970 + Duration::from_millis(1_750);
            let seconds = u32::try_from(ahead.as_secs() + 2_208_988_800).unwrap();
            let fraction = u32::try_from((u64::from(ahead.subsec_nanos()) << 32) / 1_000_000_000).unwrap();
            let now = [seconds.to_be_bytes(), fraction.to_be_bytes()].concat();
            // RFC 4330: version of the request, mode 4, stratum 2; originate is the request's transmit time.
            let mut answer =
                vec![request[0] & 0x38 | 4, 2, request[2], 0xec, 0, 0, 0, 1, 0, 0, 0, 1, 127, 0, 0, 1];
            answer.extend(&now);
            answer.extend(&request[40..48]);
            answer.extend(&now);
            answer.extend(&now);
            socket.send_to(&answer, from).unwrap();
        }
    });
    port
}

fn reading(asked: &Chronyd, source: u16) -> ClockState {
    let mut sources = Sources::of_this_host();
    sources.chrony_command = Some(("127.0.0.1".to_owned(), asked.command_port));
    sources.time_sources = vec![format!("127.0.0.1:{source}")];
    let folder = tempfile::tempdir().unwrap();
    let sources = asked::asked(sources, folder.path());
    let reading = c06_clocks::collect(&sources, jiff::Timestamp::now());
    match reading.facts.into_iter().next() {
        Some(Fact::ClockState(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn until(asked: &Chronyd, source: u16, holds: impl Fn(&ClockState) -> bool) -> ClockState {
    let began = Instant::now();
    loop {
        let state = reading(asked, source);
        if holds(&state) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{state:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn follower(source: u16) -> Chronyd {
    Chronyd::start(&format!("server 127.0.0.1 port {source} iburst minpoll 0 maxpoll 0"))
}

#[test]
fn a_dead_source_is_not_believed_though_the_daemon_says_normal() {
    let mut true_time = Chronyd::start("local stratum 3");
    let right = follower(true_time.port);
    let synchronised = |state: &ClockState| state.says_synchronised && state.measured_offset_us.is_some();
    let state = until(&right, true_time.port, synchronised);
    assert_eq!(state.daemon, "chrony");
    assert!(state.measured_offset_us.unwrap().abs() < 50_000, "{state:?}");

    true_time.end();
    let state = until(&right, true_time.port, |state| state.measured_offset_us.is_none());
    assert!(state.says_synchronised, "the daemon still says Normal: {state:?}");
}

#[test]
fn a_clock_behind_its_source_is_measured_by_our_own_exchange() {
    let source = source_ahead();
    let follows = follower(source);
    let state = until(&follows, source, |state| state.measured_offset_us.is_some());
    let offset = state.measured_offset_us.unwrap();
    assert!((-1_800_000..-1_700_000).contains(&offset), "clock minus source: {state:?}");
}
