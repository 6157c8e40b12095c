//! One line of the register of assets (F-22): its fields, read back.

use super::block::Field;
use super::matter::{self, Misread, Typed};
use super::visit::Visit;
use super::words::{self, Lang};
use yakujo_contract::act::{AssetLine, Confidentiality};

/// A class of confidentiality.
#[must_use]
pub fn confidentiality(lang: Lang, class: Confidentiality) -> &'static str {
    match class {
        Confidentiality::High => {
            lang.of("機密性3（秘密・住民の個人情報）", "3 (secret, personal data of residents)")
        }
        Confidentiality::Middle => lang.of("機密性2（公開を前提としない）", "2 (not meant for the public)"),
        Confidentiality::Low => lang.of("機密性1（公開してよい）", "1 (may be public)"),
    }
}

/// The fields.
#[must_use]
pub fn fields(visit: &Visit) -> Vec<Field> {
    let class = |value, class| (value, confidentiality(visit.lang, class));
    let classes = matter::choices([
        class("3", Confidentiality::High),
        class("2", Confidentiality::Middle),
        class("1", Confidentiality::Low),
    ]);
    let hint = visit.of(
        "バックアップのジョブの設定（asset）に、同じ名前を書きます。",
        "Backup jobs name it so, in their setting `asset`.",
    );
    vec![
        matter::system(visit),
        Field::line("asset", visit.of("資産名", "Asset"), "").hint(hint),
        Field::line("place", visit.of("媒体・所在", "Medium and place"), ""),
        Field::one_of("confidentiality", visit.of("機密性", "Confidentiality"), classes),
        Field::one_of("personal", visit.of("個人情報を含むか", "Personal data in it"), matter::trits(visit)),
        Field::one_of(
            "continuity",
            visit.of("失うと業務の継続に支障があるか", "Work stops without it"),
            matter::trits(visit),
        ),
    ]
}

/// The line that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read(visit: &Visit) -> Result<AssetLine, Misread> {
    let typed = Typed(visit);
    Ok(AssetLine {
        system: typed.read("system")?,
        asset: typed.text("asset"),
        place: typed.text("place"),
        confidentiality: typed.word("confidentiality")?,
        personal: typed.word("personal")?,
        continuity: typed.word("continuity")?,
    })
}

/// The line in one line.
#[must_use]
pub fn shown(lang: Lang, line: &AssetLine) -> String {
    let class = confidentiality(lang, line.confidentiality);
    let (continuity, personal) = (words::trit(lang, line.continuity), words::trit(lang, line.personal));
    match lang {
        Lang::Ja => format!(
            "{} {}：{}、{class}、個人情報 {personal}、業務継続 {continuity}",
            line.system, line.asset, line.place
        ),
        Lang::En => format!(
            "{} {}: {}, confidentiality {class}, personal data {personal}, work stops without it {continuity}",
            line.system, line.asset, line.place
        ),
    }
}
