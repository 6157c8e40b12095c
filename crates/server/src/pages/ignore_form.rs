//! Changes that both parties agree to leave out: the fields of a line, read back.

use super::block::Field;
use super::matter::{self, Misread, Typed};
use super::visit::Visit;
use yakujo_contract::act::IgnoreLine;
use yakujo_contract::change::Object;

/// The fields.
#[must_use]
pub fn fields(visit: &Visit) -> Vec<Field> {
    let objects = Object::ALL.map(|object| {
        let (ja, en) = object.name();
        (object.word().to_owned(), visit.of(ja, en).to_owned())
    });
    let hint = visit.of(
        "変化の名前のとおりに書きます。* は任意の文字です。例：/etc/ld.so.cache、/etc/ssl/certs/*",
        "As the change is named; * stands for any letters: /etc/ld.so.cache, /etc/ssl/certs/*",
    );
    vec![
        matter::system(visit),
        matter::host(visit),
        Field::one_of("object", visit.of("変化の種類", "What kind of thing"), objects),
        Field::line("pattern", visit.of("名前", "Name"), "").hint(hint),
        matter::words_of("reason", visit.of("除外してよい理由", "Why it may be left out")),
    ]
}

/// The line that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read(visit: &Visit) -> Result<IgnoreLine, Misread> {
    let typed = Typed(visit);
    Ok(IgnoreLine {
        system: typed.read("system")?,
        host: typed.optional("host")?,
        object: typed.word("object")?,
        pattern: typed.text("pattern"),
        reason: typed.text("reason"),
    })
}
