//! 4.5.a: which versions of TLS the doors of this host accept, as an attempt shows: one connection a version, offering nothing
//! else. The library of the agent cannot speak the versions that must not be accepted any more, so OpenSSL's program offers them.
//!
//! A version counts as refused only where the door says that it is the version it refuses. Whatever is not clear (the door wants a
//! certificate, there is no `openssl`, or it does not offer old versions itself) is said, and nothing is told of that door.

use super::c04_certificates::{ends, ports, shown_at};
use crate::command::output_of;
use crate::reach::{self, Question};
use crate::reading::{Reading, Sources, hex};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::network::TlsEndpoint;
use yakujo_contract::id::Digest;

const OPENSSL: &str = "/usr/bin/openssl";
const WITHIN: Duration = Duration::from_secs(5);
/// The x of 1.x, and how OpenSSL's program is asked to offer nothing else.
const VERSIONS: [(u8, &str); 4] = [(0, "-tls1"), (1, "-tls1_1"), (2, "-tls1_2"), (3, "-tls1_3")];
/// How OpenSSL says that the door refused the version, or chose another one.
const REFUSED: [&str; 2] = ["alert protocol version", "ssl_choose_client_version:unsupported protocol"];

/// Tries the doors that show a certificate; `listening` are the TCP ports of this host.
#[must_use]
pub fn collect(sources: &Sources, listening: &BTreeSet<u16>) -> Reading {
    let (mut facts, mut unclear) = (Vec::new(), Vec::new());
    for port in ports(sources, listening) {
        // A door without TLS is none of these.
        let Some(chain) = shown_at(sources, port) else { continue };
        match reach::ask::<BTreeSet<u8>>(sources, &Question::Versions { port }) {
            Ok(versions) => {
                let mut sha = Sha256::new();
                chain.iter().for_each(|certificate| sha.update(certificate));
                facts.push(Fact::TlsEndpoint(TlsEndpoint {
                    host: "127.0.0.1".to_owned(),
                    port,
                    lowest_minor: versions.first().copied(),
                    highest_minor: versions.last().copied(),
                    suites: Vec::new(),
                    chain: Digest::try_from(hex(&sha.finalize())).ok(),
                    not_after: chain.iter().filter_map(ends).min(),
                }));
            }
            Err(reason) => unclear.push(format!("port {port}: {reason}")),
        }
    }
    Reading::of(facts, unclear.join("; ").chars().take(500).collect())
}

/// The versions a door accepts, as this process finds them.
pub(crate) fn accepted(port: u16) -> Result<BTreeSet<u8>, String> {
    let door = format!("127.0.0.1:{port}");
    let mut versions = BTreeSet::new();
    for (minor, offer) in VERSIONS {
        let offer = ["s_client", "-verify_quiet", "-connect", &door, offer, "-cipher", "ALL@SECLEVEL=0"];
        match output_of(Path::new(OPENSSL), &offer, WITHIN).map_err(|error| error.to_string()) {
            Ok(_) => drop(versions.insert(minor)),
            Err(reason) if REFUSED.iter().any(|words| reason.contains(words)) => {}
            Err(reason) => return Err(format!("whether TLS 1.{minor} is accepted is not known: {reason}")),
        }
    }
    if versions.is_empty() { Err("no version was accepted".to_owned()) } else { Ok(versions) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};

    struct Door(Child, u16);

    impl Drop for Door {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A real server that accepts what the words say.
    fn door(folder: &Path, words: &[&str]) -> Door {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut child = Command::new(OPENSSL)
            .args(["s_server", "-accept", "127.0.0.1:0", "-cipher", "ALL@SECLEVEL=0"])
            .args(words)
            .current_dir(folder)
            .args(["-cert", "cert.pem", "-key", "key.pem"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let line = said.by_ref().lines().map_while(Result::ok).find(|line| line.starts_with("ACCEPT"));
        // What it says further is read, so that it need not wait.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let port = line.unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Door(child, port)
    }

    #[test]
    fn a_door_that_accepts_old_versions_is_told_and_one_that_is_not_clear_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for (words, expected) in [
            (&["-tls1"][..], Some(vec![0])),
            (&["-no_tls1_3"], Some(vec![0, 1, 2])),
            (&["-no_tls1", "-no_tls1_1"], Some(vec![2, 3])),
            // It asks for a certificate: how it refuses is not clear.
            (&["-no_tls1", "-no_tls1_1", "-Verify", "1"], None),
            // It finds no cipher for old versions, and does not say that it refuses them.
            (&["-no_tls1_3", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384@SECLEVEL=0"], None),
        ] {
            let door = door(folder.path(), words);
            let told = accepted(door.1);
            assert_eq!(told.clone().ok(), expected.map(BTreeSet::from_iter), "{words:?} {told:?}");
        }
    }

    #[test]
    fn the_fact_of_a_door_names_its_range_its_chain_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let door = door(folder.path(), &["-no_tls1", "-no_tls1_1"]);
        let mut sources = Sources::of_this_host();
        sources.settings.tls_ports = vec![door.1];
        let reading = collect(&sources, &BTreeSet::from([door.1]));
        let [Fact::TlsEndpoint(told)] = &reading.facts[..] else { panic!("{reading:?}") };
        assert_eq!((told.port, told.lowest_minor, told.highest_minor), (door.1, Some(2), Some(3)));
        assert!(told.chain.is_some() && told.not_after.is_some(), "{told:?}");
        assert!(collect(&sources, &BTreeSet::new()).facts.is_empty());
    }
}
