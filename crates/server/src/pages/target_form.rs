//! The declaration of something that probes try: its fields, and how it reads in one line.

use super::block::{Field, Input};
use super::matter::{self, Misread, Typed};
use super::visit::Visit;
use super::words::{self, Lang};
use yakujo_contract::id::ProbeId;
use yakujo_contract::target::{Expected, Means, Target};

/// The fields.
#[must_use]
pub fn fields(visit: &Visit) -> Vec<Field> {
    let means = Means::ALL.map(|means| (means.word(), words::means(visit.lang, means)));
    let mut fields = vec![
        Field::line("target", visit.of("ID", "Id"), "").hint(visit.of(
            "半角の英小文字・数字・ハイフン。同じIDで申告し直すと、内容の変更になります。",
            "a-z, 0-9, '-'. Declaring the same id again changes the target.",
        )),
        matter::system(visit),
        Field::line("name", visit.of("名称", "Name"), ""),
        Field::one_of("means", visit.of("監視の方法", "Means"), matter::choices(means)),
        Field::line("address", visit.of("監視先", "Address"), "").hint(visit.of(
            "TCPは host:port、HTTPとHTTPSはURL、ICMPはホスト。名前が装置自身や隣接の機器を指すときは監視しません。",
            "host:port, a URL, or a host. A name that leads to the probe itself or its link is not tried.",
        )),
        Field::line("every_s", visit.of("監視の間隔（秒）", "Seconds between two tries"), "20").hint("10–300"),
        Field::line("probes", visit.of("監視点", "Probes"), "server").hint(visit.of(
            "server はこのサーバ。ほかはエージェントのあるホスト。空白で区切ります。停止は二つ以上の監視点が一致したときに数えます。",
            "`server`, or hosts of agents, separated by blanks. A stop counts when two of them agree.",
        )),
    ];
    fields.extend(answer(visit));
    fields
}

fn answer(visit: &Visit) -> Vec<Field> {
    let lines = |name: &str, label: &str| Field::new(name, label, Input::Lines(String::new())).optional();
    vec![
        Field::line("status", visit.of("HTTPの応答番号", "HTTP status"), "")
            .optional()
            .hint(visit.of("空欄なら200です。", "Empty: 200.")),
        Field::line("text", visit.of("画面にあるはずの文字", "Text of the page"), "").optional(),
        lines("functions", visit.of("使えるはずの機能", "Functions")).hint(visit.of(
            "画面に出る機能の名前を1行に一つ。欠けると運用制限として扱います。",
            "One a line, as the page shows them. A missing one is a restriction.",
        )),
        Field::line("latency_ms", visit.of("応答時間の上限（ミリ秒）", "Slowest answer, ms"), "")
            .optional()
            .hint(visit.of("超えると運用制限として扱います。", "A slower one is a restriction.")),
        Field::line("reference", visit.of("監視点の回線を確かめる先", "Reference"), "")
            .optional()
            .hint(visit.of(
            "host:port。監視点の側の回線が切れたときに、対象の停止と取り違えないためのものです。",
            "host:port of a router or name server: tells a cut line of the probe from a stop of the target.",
        )),
        lines("authority", visit.of("独自の認証局の証明書（PEM）", "Own authority (PEM)"))
            .hint(visit.of("HTTPSで公的な認証局を使わないとき。", "Where no public authority is used.")),
    ]
}

/// The target that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read(visit: &Visit) -> Result<Target, Misread> {
    let typed = Typed(visit);
    let some = |name: &str| Some(typed.text(name).replace('\r', "")).filter(|text| !text.trim().is_empty());
    let functions = typed.text("functions");
    let functions = functions.lines().map(str::trim).filter(|line| !line.is_empty());
    let probes = typed.text("probes");
    let probes = probes.split([' ', '　', ',', '、', '\n', '\r']).filter(|probe| !probe.is_empty());
    let target = Target {
        target: typed.read("target")?,
        system: typed.read("system")?,
        name: typed.text("name"),
        means: typed.word("means")?,
        address: super::era::half_width(&typed.text("address")).trim().to_owned(),
        expected: Expected {
            status: typed.optional("status")?,
            text: some("text"),
            functions: functions.map(str::to_owned).collect(),
            latency_ms: typed.optional("latency_ms")?,
        },
        authority: some("authority"),
        reference: some("reference").map(|text| super::era::half_width(&text).trim().to_owned()),
        every_s: typed.read("every_s")?,
        probes: probes.map(str::parse).collect::<Result<Vec<ProbeId>, _>>().map_err(|_| Misread("probes"))?,
    };
    target.check().map_err(|wrong| Misread(wrong.0))?;
    Ok(target)
}

/// One line that says what is tried.
#[must_use]
pub fn summary(lang: Lang, target: &Target) -> String {
    let probes: Vec<&str> = target.probes.iter().map(ProbeId::as_str).collect();
    let (id, system, name, address) = (&target.target, &target.system, &target.name, &target.address);
    let means = words::means(lang, target.means);
    let mut parts = vec![match lang {
        Lang::Ja => format!(
            "{system} {id}「{name}」 {means} {address}、{}秒ごと、監視点 {}",
            target.every_s,
            probes.join("・")
        ),
        Lang::En => format!(
            "{system} {id} {name}: {means} {address}, every {} s, from {}",
            target.every_s,
            probes.join(", ")
        ),
    }];
    parts.extend(promised(lang, &target.expected));
    if let Some(reference) = &target.reference {
        parts.push(format!("{} {reference}", lang.of("回線の確認先", "reference")));
    }
    if let Some(authority) = &target.authority {
        parts.push(format!("{} {}", lang.of("独自の認証局", "own authority"), fingerprint(authority)));
    }
    parts.join(lang.of("、", ", "))
}

/// What answer was promised.
#[must_use]
pub fn promised(lang: Lang, expected: &Expected) -> Vec<String> {
    let Expected { status, text, functions, latency_ms } = expected;
    let mut parts = Vec::new();
    parts.extend(status.map(|status| format!("{} {status}", lang.of("応答番号", "status"))));
    parts.extend(text.as_ref().map(|text| format!("{}「{text}」", lang.of("文字", "text"))));
    if !functions.is_empty() {
        parts.push(format!("{}「{}」", lang.of("機能", "functions"), functions.join("」「")));
    }
    parts.extend(latency_ms.map(|limit| format!("{} {limit} ms", lang.of("応答", "within"))));
    parts
}

fn fingerprint(pem: &str) -> String {
    use rustls::pki_types::pem::PemObject as _;
    use sha2::Digest as _;
    let der = rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes());
    let digest = der.map(|der| sha2::Sha256::digest(&der)).unwrap_or_default();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("SHA-256 {hex}")
}
