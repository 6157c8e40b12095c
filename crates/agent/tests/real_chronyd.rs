//! 6.a against real chronyd: one serves, one follows it with an offset and is asked. Both leave the machine's clock alone
//! (`-x`). Needs Debian's `chrony`.

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

fn reading(asked: &Chronyd, measured: &Chronyd) -> ClockState {
    let mut sources = Sources::of_this_host();
    sources.chrony_command = Some(("127.0.0.1".to_owned(), asked.command_port));
    sources.time_sources = vec![format!("127.0.0.1:{}", measured.port)];
    let reading = c06_clocks::collect(&sources, jiff::Timestamp::now());
    match reading.facts.into_iter().next() {
        Some(Fact::ClockState(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn until(asked: &Chronyd, measured: &Chronyd, holds: impl Fn(&ClockState) -> bool) -> ClockState {
    let began = Instant::now();
    loop {
        let state = reading(asked, measured);
        if holds(&state) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{state:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn an_offset_is_measured_and_a_dead_source_is_not_believed_though_the_daemon_says_normal() {
    let mut true_time = Chronyd::start("local stratum 3");
    let follows = |options: &str| {
        let port = true_time.port;
        Chronyd::start(&format!(
            "server 127.0.0.1 port {port} iburst minpoll 0 maxpoll 0 {options}\nmakestep 0.1 -1"
        ))
    };
    let right = follows("");
    let shifted = follows("offset 1.75");

    let state =
        until(&right, &true_time, |state| state.says_synchronised && state.measured_offset_us.is_some());
    assert_eq!(state.daemon, "chrony");
    assert!(state.measured_offset_us.unwrap().abs() < 50_000, "{state:?}");

    let state = until(&shifted, &shifted, |state| {
        state.measured_offset_us.is_some_and(|offset| offset.abs() > 1_000_000)
    });
    let offset = state.measured_offset_us.unwrap().abs();
    assert!((1_700_000..1_800_000).contains(&offset), "{state:?}");

    true_time.end();
    let state = until(&right, &true_time, |state| state.measured_offset_us.is_none());
    assert!(state.says_synchronised, "the daemon still says Normal: {state:?}");
}
