//! 4.3.a: the ways to log in by SSH that a sheet of authentication methods (F-12) declares, beside what hosts accept.

use crate::act::{Document, LoginMethod};
use crate::case::{Case, HostCase};
use crate::fact::access::SshCase;
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict};
use std::collections::BTreeSet;

/// The accepted sheet beside what was seen.
pub(super) fn compared(case: &Case<'_>, sheet: &Document) -> Verdict {
    let title = &sheet.title;
    let (seen, entries) = methods_seen(case);
    let declared = |word: &str| sheet.methods.iter().any(|method| method.word() == word);
    let other: BTreeSet<&str> = seen.iter().copied().filter(|word| !declared(word)).collect();
    if other.is_empty()
        && let Some(unknown) = not_seen_now(case)
    {
        return unknown;
    }
    if seen.is_empty() {
        return Verdict::kept(Sentence::new(
            format!("認証方式届「{title}」を市が受領しています（実際の設定は、まだ観測していません）。"),
            format!("The city accepted the sheet “{title}” (the settings in use were not observed yet)."),
        ));
    }
    let seen = named(&seen);
    let verdict = if sheet.methods.is_empty() {
        Verdict::unknown(
            Sentence::new(
                format!(
                    "ホストで観測した SSH の方式は {} ですが、認証方式届「{title}」に方式の登録がなく、照合できません。",
                    seen.ja
                ),
                format!(
                    "Hosts accept by SSH: {}; the sheet “{title}” declares none to compare with.",
                    seen.en
                ),
            ),
            Sentence::new(
                "受託者は、SSHで使う認証方式を選んで、届の新しい版を登録してください。",
                "The contractor registers a new version of the sheet with the ways to log in by SSH.",
            ),
        )
    } else if other.is_empty() {
        Verdict::kept(Sentence::new(
            format!(
                "ホストで観測した SSH の方式（{}）は、市が受領した認証方式届「{title}」のとおりです。",
                seen.ja
            ),
            format!("What hosts accept by SSH ({}) is what the accepted sheet “{title}” declares.", seen.en),
        ))
    } else {
        let other = named(&other);
        Verdict::broken(
            Sentence::new(
                format!("認証方式届「{title}」にない SSH の方式（{}）を、ホストが受け付けます。", other.ja),
                format!("Hosts accept by SSH what the sheet “{title}” does not declare: {}.", other.en),
            ),
            Sentence::new(
                "受託者は、使わない方式を止めるか、届を改めて市の承認を受けてください。",
                "The contractor turns the method off, or declares it and has the sheet accepted.",
            ),
        )
    };
    verdict.with_evidence(EvidenceClass::E1, entries)
}

/// Hosts that told once and are not looked at now, or not as a whole: they may accept something else by now.
fn not_seen_now(case: &Case<'_>) -> Option<Verdict> {
    case.hosts().find_map(|(place, host)| {
        let host = host?;
        let policy = host.sessions.as_ref()?;
        let one = HostCase { case, place, host };
        let what = Sentence::new("認証方式の設定", "settings of authentication");
        let looked = one.looks(&["sessions"]);
        let whole = looked.and_then(|()| one.whole(what, &policy.value.coverage, &[policy.stamp.entry]));
        whole.err().map(|unknown| *unknown)
    })
}

/// The ways to log in that sshd of any host of the system accepts, and the entries that say so.
fn methods_seen<'a>(case: &Case<'a>) -> (BTreeSet<&'a str>, Vec<EntryNumber>) {
    let policies: Vec<_> = case.hosts().filter_map(|(_, host)| host?.sessions.as_ref()).collect();
    let cases = policies.iter().flat_map(|policy| &policy.value.ssh_cases);
    (cases.flat_map(accepted).collect(), policies.iter().map(|policy| policy.stamp.entry).collect())
}

/// Where `AuthenticationMethods` says which are needed together, nobody gets in by any other.
fn accepted(ssh: &SshCase) -> Vec<&str> {
    let spelled = |word: &str| match word.split(':').next().unwrap_or(word) {
        "publickey" => "public_key",
        "keyboard-interactive" => "keyboard_interactive",
        "hostbased" => "host_based",
        "gssapi-with-mic" => "gssapi",
        _ => "",
    };
    let known = ssh.methods.iter().map(String::as_str);
    if ssh.together.is_empty() {
        return known.collect();
    }
    let needed: Vec<&str> = ssh.together.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    known.filter(|method| needed.iter().any(|word| word == method || spelled(word) == *method)).collect()
}

fn named(words: &BTreeSet<&str>) -> Sentence {
    let (mut ja, mut en) = (Vec::new(), Vec::new());
    for word in words {
        let known = LoginMethod::ALL.into_iter().find(|method| method.word() == *word);
        let name = match known {
            Some(method) => method.name(),
            None => (*word, *word),
        };
        ja.push(name.0);
        en.push(name.1);
    }
    Sentence::new(ja.join("、"), en.join(", "))
}
