//! What the firewall of a host does with what nobody named (4.5.b).

use crate::case::HostCase;
use crate::fact::network::{NetFirewall, Policy};
use crate::standing::Sentence;

/// Digits of the digest of the rules that are said.
const SAID: usize = 12;

/// What has to be said of the firewall beside a verdict that nothing unneeded was seen; empty where it refuses by default.
pub(super) fn caution(case: &HostCase<'_>) -> Sentence {
    let rules = case.host.firewall.as_ref().filter(|_| case.fresh("firewall").is_ok());
    let Some(NetFirewall { product, ruleset, defaults, coverage, .. }) = rules.map(|rules| &rules.value)
    else {
        return Sentence::new(
            "ファイアウォールの規則は読めていないので、不要な通信を止めるかは分かりません。",
            " The rules of the firewall are not read: whether it stops what is not needed is not known.",
        );
    };
    let digest: String = ruleset.to_string().chars().take(SAID).collect();
    if !coverage.is_complete() {
        let reason = &coverage.reason;
        return Sentence::new(
            format!(
                "ファイアウォールの規則（{product}、要約値 {digest}）の一部を読めていません（{reason}）。"
            ),
            format!(" Some rules of the firewall ({product}, digest {digest}) could not be read ({reason})."),
        );
    }
    match defaults.input {
        Policy::Drop => Sentence::default(),
        Policy::Accept => Sentence::new(
            format!(
                "注意: ファイアウォール（{product}、規則の要約値 {digest}）の既定は受信の許可で、一覧にない通信を既定では止めません。"
            ),
            format!(
                " Watch it: the firewall ({product}, digest of the rules {digest}) lets in by default what no rule names."
            ),
        ),
    }
}
