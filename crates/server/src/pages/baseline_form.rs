//! The watched files of a host as both parties take them to be right: the fields of a line, read back. What is agreed on is
//! what the host told last, never what somebody typed.

use super::block::Field;
use super::era;
use super::matter::{self, Misread, Typed};
use super::visit::Visit;
use super::words::Lang;
use yakujo_contract::act::BaselineLine;
use yakujo_contract::id::{Digest, HostId};

/// The fields.
#[must_use]
pub fn fields(visit: &Visit) -> Vec<Field> {
    let hint = visit.of(
        "ホストの画面の「基準を市に示す」から開くと、最後に観測した値が入ります。",
        "Opened from the page of the host, this is what was observed last.",
    );
    vec![
        matter::system(visit),
        Field::line("host", visit.of("ホスト", "Host"), ""),
        Field::line("tree", visit.of("全体のダイジェスト（SHA-256）", "Digest over all (SHA-256)"), "")
            .hint(hint),
    ]
}

/// The line that was typed, with what the host told of these files.
///
/// # Errors
/// The field that cannot be read, or is not what the host told last.
pub fn read(visit: &Visit) -> Result<BaselineLine, Misread> {
    let typed = Typed(visit);
    let host: HostId = typed.read("host")?;
    let tree: Digest = visit.typed("tree").to_owned().try_into().map_err(|_| Misread("tree"))?;
    let court = visit.office.court();
    let known = court.evidence().hosts.get(&host).ok_or(Misread("host"))?;
    let told = known.baseline.as_ref().filter(|told| told.value.tree == tree).ok_or(Misread("tree"))?;
    Ok(BaselineLine {
        system: typed.read("system")?,
        seen: told.stamp.observed,
        tree,
        entries: told.value.entries,
        roots: told.value.roots.clone(),
        host,
    })
}

/// One line that says what is agreed on.
#[must_use]
pub fn summary(lang: Lang, line: &BaselineLine) -> String {
    let (seen, digest) = (era::wareki(lang, line.seen), line.tree.as_str().get(..12).unwrap_or_default());
    match lang {
        Lang::Ja => format!("{} の {} 件、{seen}の状態（SHA-256 {digest}…）", line.host, line.entries),
        Lang::En => format!("{} files of {} as of {seen} (SHA-256 {digest}…)", line.entries, line.host),
    }
}
