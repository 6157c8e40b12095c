//! A host is cut off for real: three machines in network namespaces, the kernel's own rules, connections that exist before.
//! Needs root.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use yakujo_agent::act::{Answer, Ask, Elsewhere, Released, answer, break_glass};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::OrderResult;
use yakujo_contract::fact::malware::{IsolationCause, IsolationState};
use yakujo_contract::id::Digest;
use yakujo_contract::order::{Order, Permit, Permitted, Work};
use yakujo_contract::request::Trigger;
use yakujo_ledger::note::{Note, SigningKey};

const MARK: &str = "YAKUJO_ALONE";
/// The machine of the test, one of the office where the server is, and one of the attacker.
const MACHINES: &str = r#"
set -e
ip link set lo up
mount -t tmpfs own /run
for there in office peer; do ip netns add $there; ip -n $there link set lo up; done
ip link add to-office type veth peer name eth0 netns office
ip link add to-peer type veth peer name eth0 netns peer
ip addr add 10.1.0.1/24 dev to-office
ip addr add 10.2.0.1/24 dev to-peer
ip -n office addr add 10.1.0.2/24 dev eth0
ip -n peer addr add 10.2.0.2/24 dev eth0
ip link set to-office up
ip link set to-peer up
ip -n office link set eth0 up
ip -n peer link set eth0 up
exec "$0" "$@"
"#;
/// Nothing that is to be let through takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is to be refused is waited for so long.
const SHORT: Duration = Duration::from_millis(700);

fn alone(test: &str, story: impl FnOnce()) {
    if std::env::var_os(MARK).is_some() {
        return story();
    }
    let spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    let status = Command::new("/usr/bin/unshare")
        .args(spaces)
        .args(["/bin/sh", "-c", MACHINES])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .status()
        .unwrap();
    assert!(status.success(), "the story failed in its private machines (it needs root): {status}");
}

/// Runs something in another machine; sockets that it opens stay there.
fn within<T: Send + 'static>(machine: &str, what: impl FnOnce() -> T + Send + 'static) -> T {
    let space = std::fs::File::open(Path::new("/run/netns").join(machine)).unwrap();
    let work = std::thread::spawn(move || {
        let kind = rustix::thread::LinkNameSpaceType::Network;
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&space), Some(kind)).unwrap();
        what()
    });
    work.join().unwrap()
}

/// Says back what it hears, on every connection.
fn echo(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut piece = [0_u8; 64];
                while let Ok(read) = stream.read(&mut piece) {
                    if read == 0 || stream.write_all(piece.get(..read).unwrap_or_default()).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

fn listen(machine: &'static str, address: &'static str) {
    echo(within(machine, move || TcpListener::bind(address).unwrap()));
}

/// Whether an existing connection still carries a word there and back.
fn talks(stream: &mut TcpStream, word: &[u8], patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut heard = vec![0; word.len()];
    stream.write_all(word).is_ok() && stream.read_exact(&mut heard).is_ok() && heard == word
}

fn reaches(address: &str, patience: Duration) -> bool {
    TcpStream::connect_timeout(&address.parse().unwrap(), patience).is_ok()
}

fn reaches_from(machine: &str, address: &'static str, patience: Duration) -> bool {
    within(machine, move || reaches(address, patience))
}

struct Host {
    folder: tempfile::TempDir,
    key: SigningKey,
    now: Timestamp,
}

impl Host {
    fn new() -> Self {
        let key = SigningKey::from_seed("yakujo-orders/k-1", &[7; 32]).unwrap();
        let host = Self { folder: tempfile::tempdir().unwrap(), key, now: Timestamp::now() };
        host.ask(&Ask::Pin { host: "web-1".parse().unwrap(), key: host.key.verifier().to_string() });
        host
    }

    fn peers() -> Vec<SocketAddr> {
        vec!["10.1.0.2:8444".parse().unwrap()]
    }

    fn ask(&self, ask: &Ask) -> Answer {
        answer(&self.folder.path().join("act"), ask, self.now).unwrap()
    }

    /// Asks, and takes what was told.
    fn told(&self, ask: &Ask) -> Vec<Fact> {
        let answer = self.ask(ask);
        if let Some(last) = answer.told.last() {
            self.ask(&Ask::Kept { to: last.number });
        }
        answer.told.into_iter().map(|told| told.fact).collect()
    }

    fn signed(&self, id: &str, work: Work) -> String {
        let order = Order {
            order: id.parse().unwrap(),
            host: "web-1".parse().unwrap(),
            request: "q-1".parse().unwrap(),
            issued: self.now,
            expires: self.now + SignedDuration::from_hours(1),
            work,
        };
        let mut note = Note::unsigned(&order.text().unwrap()).unwrap();
        self.key.sign(&mut note).unwrap();
        note.to_string()
    }

    fn order(&self, note: &str) -> Vec<Fact> {
        self.told(&Ask::Order {
            note: note.to_owned(),
            peers: Self::peers(),
            elsewhere: Elsewhere::NotSought,
        })
    }

    fn permit(&self, id: &str, uses: u32) {
        let permit = Permit {
            trigger: Trigger::MalwareSuspected,
            acts: [Permitted::Isolate].into(),
            longest_min: 30,
            uses,
            from: self.now,
            until: self.now + SignedDuration::from_mins(50),
        };
        assert_eq!(results(&self.order(&self.signed(id, Work::Permit(permit)))), [OrderResult::Done]);
    }
}

fn states(facts: &[Fact]) -> Vec<&IsolationState> {
    let all = facts.iter().filter_map(|fact| match fact {
        Fact::IsolationState(state) => Some(state),
        _ => None,
    });
    all.collect()
}

fn first(facts: &[Fact]) -> &IsolationState {
    states(facts).into_iter().next().unwrap()
}

fn results(facts: &[Fact]) -> Vec<OrderResult> {
    let one = |fact: &Fact| match fact {
        Fact::OrderOutcome(outcome) => Some(outcome.result),
        _ => None,
    };
    facts.iter().filter_map(one).collect()
}

fn nft(arguments: &[&str]) {
    assert!(Command::new("/usr/sbin/nft").args(arguments).status().unwrap().success());
}

/// Nothing but the evidence goes in or out.
fn is_cut_off() {
    assert!(!reaches("10.2.0.2:80", SHORT), "to the attacker");
    assert!(!reaches("10.1.0.2:22", SHORT), "to another port of the office");
    assert!(!reaches_from("peer", "10.2.0.1:8080", SHORT), "from the attacker");
    assert!(!reaches_from("office", "10.1.0.1:8080", SHORT), "from the office");
    assert!(reaches("10.1.0.2:8444", PATIENCE), "evidence goes on");
}

fn is_open() {
    for address in ["10.2.0.2:80", "10.1.0.2:22", "10.1.0.2:8444"] {
        assert!(reaches(address, PATIENCE), "{address}");
    }
    assert!(reaches_from("peer", "10.2.0.1:8080", PATIENCE));
}

#[test]
fn a_host_is_cut_off_stays_so_and_is_connected_by_order_alone() {
    alone("a_host_is_cut_off_stays_so_and_is_connected_by_order_alone", || {
        listen("office", "10.1.0.2:8444");
        listen("office", "10.1.0.2:22");
        listen("peer", "10.2.0.2:80");
        echo(TcpListener::bind("0.0.0.0:8080").unwrap());
        is_open();
        let mut evidence = TcpStream::connect("10.1.0.2:8444").unwrap();
        let mut attacker = within("peer", || TcpStream::connect("10.2.0.1:8080").unwrap());
        assert!(talks(&mut evidence, b"before", PATIENCE) && talks(&mut attacker, b"before", PATIENCE));

        let mut host = Host::new();
        host.permit("o-1", 1);
        let began = std::time::Instant::now();
        let facts = host.told(&Ask::Suspected { peers: Host::peers() });
        println!("cut off after {} ms", began.elapsed().as_millis());
        let [state] = states(&facts)[..] else { panic!("{facts:?}") };
        assert!(state.isolated && state.cause == Some(IsolationCause::Permit));
        assert_eq!(state.allowed_peers, ["10.1.0.2:8444"]);
        assert_eq!(state.approval.as_ref().map(|id| id.as_str()), Some("q-1"));
        let rules = state.ruleset.clone();
        is_cut_off();
        assert!(!talks(&mut attacker, b"still there?", SHORT), "an existing connection is cut");
        assert!(talks(&mut evidence, b"evidence", PATIENCE), "the existing evidence connection goes on");
        assert!(reaches("127.0.0.1:8080", PATIENCE), "the host still speaks with itself");

        is_put_back_when_somebody_takes_it_away(&mut host, &rules);
        is_connected_by_order_or_by_time(&mut host);
    });
}

fn is_put_back_when_somebody_takes_it_away(host: &mut Host, rules: &Digest) {
    // In force and unchanged: nothing to tell. Then somebody takes the rules away, then only one of them.
    assert!(host.told(&Ask::Look {}).is_empty());
    nft(&["delete", "table", "inet", "yakujo_isolate"]);
    assert!(reaches("10.2.0.2:80", PATIENCE));
    let facts = host.told(&Ask::Look {});
    let [state] = states(&facts)[..] else { panic!("{facts:?}") };
    assert!(state.isolated && state.cause == Some(IsolationCause::Reapplied) && state.ruleset == *rules);
    is_cut_off();
    nft(&["insert", "rule", "inet", "yakujo_isolate", "output", "ip", "daddr", "10.2.0.2", "accept"]);
    let facts = host.told(&Ask::Look {});
    assert_eq!(first(&facts).cause, Some(IsolationCause::Reapplied), "a hole is found as well");
    is_cut_off();
    host.now += SignedDuration::from_mins(6);
    let facts = host.told(&Ask::Look {});
    assert!(first(&facts).blocked_packets > 0, "{facts:?}");
}

fn is_connected_by_order_or_by_time(host: &mut Host) {
    // Connected again by an order, which counts once.
    let reconnect = host.signed("o-2", Work::Reconnect {});
    let facts = host.order(&reconnect);
    assert_eq!(first(&facts).cause, Some(IsolationCause::Order));
    assert!(!first(&facts).isolated && results(&facts) == [OrderResult::Done]);
    is_open();
    assert!(host.told(&Ask::Suspected { peers: Host::peers() }).is_empty(), "the permit had one use");

    host.permit("o-3", 1);
    assert!(first(&host.told(&Ask::Suspected { peers: Host::peers() })).isolated);
    assert_eq!(results(&host.order(&reconnect)), [OrderResult::Refused], "an order that was used");
    let stale = host.signed("o-4", Work::Reconnect {});
    host.now += SignedDuration::from_mins(20);
    is_cut_off();
    // The longest time of the permit is over: told, and open again.
    host.now += SignedDuration::from_mins(10);
    let facts = host.told(&Ask::Look {});
    assert_eq!(first(&facts).cause, Some(IsolationCause::TimeLimit), "{facts:?}");
    is_open();
    host.now += SignedDuration::from_mins(31);
    assert_eq!(results(&host.order(&stale)), [OrderResult::Refused], "an order that expired");
}

#[test]
fn local_root_releases_by_hand_and_both_are_told() {
    alone("local_root_releases_by_hand_and_both_are_told", || {
        listen("office", "10.1.0.2:8444");
        listen("office", "10.1.0.2:22");
        listen("peer", "10.2.0.2:80");
        echo(TcpListener::bind("0.0.0.0:8080").unwrap());
        let host = Host::new();
        let facts = host.told(&Ask::Ready { peers: Host::peers() });
        assert!(!first(&facts).isolated && first(&facts).cause.is_none());
        is_open();
        let until = host.now + SignedDuration::from_mins(30);
        let facts = host.order(&host.signed("o-1", Work::Isolate { until }));
        assert!(first(&facts).isolated && results(&facts) == [OrderResult::Done], "{facts:?}");
        is_cut_off();
        let folder = host.folder.path().join("act");
        assert_eq!(break_glass(&folder, host.now).unwrap(), Released::Yes);
        is_open();
        let facts = host.told(&Ask::Look {});
        assert_eq!(first(&facts).cause, Some(IsolationCause::BreakGlass), "{facts:?}");
        assert_eq!(break_glass(&folder, host.now).unwrap(), Released::WasNot);
    });
}

/// The program that speaks to the kernel does not do what this word asks for, as long as this lives.
struct Broken;

impl Broken {
    fn at(word: &str) -> Self {
        let script = format!("#!/bin/sh\ncase \"$*\" in *{word}*) exit 1;; esac\nexec /run/nft \"$@\"\n");
        std::fs::write("/run/broken", script).unwrap();
        for command in
            ["cp /usr/sbin/nft /run/nft", "chmod 755 /run/broken", "mount --bind /run/broken /usr/sbin/nft"]
        {
            shell(command);
        }
        Self
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        shell("umount /usr/sbin/nft");
    }
}

fn shell(command: &str) {
    assert!(Command::new("/bin/sh").args(["-c", command]).status().unwrap().success(), "{command}");
}

#[test]
fn what_cannot_be_cut_off_at_first_is_as_soon_as_it_can_and_an_order_leaves_nothing_by_halves() {
    alone(
        "what_cannot_be_cut_off_at_first_is_as_soon_as_it_can_and_an_order_leaves_nothing_by_halves",
        || {
            listen("office", "10.1.0.2:8444");
            listen("office", "10.1.0.2:22");
            listen("peer", "10.2.0.2:80");
            echo(TcpListener::bind("0.0.0.0:8080").unwrap());
            let host = Host::new();
            host.permit("o-1", 1);
            let broken = Broken::at("-f");
            let facts = host.told(&Ask::Suspected { peers: Host::peers() });
            assert_eq!((results(&facts), states(&facts).len()), (vec![OrderResult::Failed], 0), "{facts:?}");
            is_open();
            assert!(host.told(&Ask::Look {}).is_empty(), "it still does not work");
            drop(broken);
            let facts = host.told(&Ask::Look {});
            assert!(
                first(&facts).isolated && first(&facts).cause == Some(IsolationCause::Permit),
                "{facts:?}"
            );
            is_cut_off();
            assert_eq!(results(&host.order(&host.signed("o-2", Work::Reconnect {}))), [OrderResult::Done]);
            is_open();

            // The rules are taken, and nobody can say so: they are not left in force without a record.
            let broken = Broken::at("list");
            let until = host.now + SignedDuration::from_mins(30);
            let facts = host.order(&host.signed("o-3", Work::Isolate { until }));
            assert_eq!((results(&facts), states(&facts).len()), (vec![OrderResult::Failed], 0), "{facts:?}");
            drop(broken);
            is_open();
            assert!(!host.ask(&Ask::Look {}).isolated);
        },
    );
}
