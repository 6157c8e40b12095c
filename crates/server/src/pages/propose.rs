//! Declaring a line: one typed form per kind of matter.

use super::agreements::{MATTERS, kind_name};
use super::block::{Block, Field, Form, Input, Link, Upload};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::{era, words};
use jiff::Timestamp;
use yakujo_contract::act::{
    AccountLine, AccountUse, Act, DeviceNeed, Environment, Flow, HostPlace, Importance, LimitLine, Matter, Protocol,
    Ruling, Segment, SoftwareLine, SupportLine, System, Trit,
};
use yakujo_contract::duty::DutyId;

/// The form.
///
/// # Errors
/// Absent, where there is no such kind of matter.
pub async fn show(visit: Visit) -> Answer {
    let word = word(&visit)?;
    let lang = visit.lang;
    let title = format!("{}{}", kind_name(lang, word), visit.of("を申告する", ": declare"));
    let lead = visit.of(
        "送ると台帳に記録され、相手方の合意待ちになります。",
        "Sent, it stands in the ledger and waits for the other party.",
    );
    let mut page = Page::new("agreements", title, lead);
    page.trail = vec![Link::new(format!("{}/agreements?of={word}", visit.base()), kind_name(lang, word))];
    page.push(Block::Form(Form {
        action: visit.uri_path.clone(),
        csrf: visit.csrf.clone(),
        hidden: Vec::new(),
        fields: fields(&visit, word),
        label: visit.of("申告する", "Declare").to_owned(),
        class: "",
        upload: Upload::No,
    }));
    frame::show(&visit, &page)
}

/// Declares.
///
/// # Errors
/// When a field cannot be read, or the act is refused.
pub async fn propose(visit: Visit) -> Answer {
    let matter = matter(&visit, word(&visit)?)?;
    let proposal: yakujo_contract::id::ProposalId = crate::people::new_id('a')?.try_into()?;
    visit.act(Act::Proposed { proposal: proposal.clone(), matter }).await?;
    visit.go(&format!("/agreements/{proposal}"))
}

fn word(visit: &Visit) -> Result<&'static str, Refusal> {
    let asked = visit.part("matter")?;
    MATTERS.into_iter().filter(|word| *word != "parameters").find(|word| *word == asked).ok_or(Refusal::Absent)
}

fn choices<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.into_iter().map(|(value, label)| (value.to_owned(), label.to_owned())).collect()
}

fn trits(visit: &Visit) -> Vec<(String, String)> {
    let word = |trit| words::trit(visit.lang, trit);
    choices([("yes", word(Trit::Yes)), ("no", word(Trit::No)), ("unsaid", word(Trit::Unsaid))])
}

fn system_field(visit: &Visit, every: &str) -> Field {
    let names = super::board::system_names(visit);
    let mut all: Vec<(String, String)> =
        names.into_iter().map(|(id, name)| (id.to_string(), format!("{name}（{id}）"))).collect();
    if !every.is_empty() {
        all.insert(0, (String::new(), every.to_owned()));
    }
    let field = Field::one_of("system", visit.of("情報システム", "System"), all);
    if every.is_empty() { field } else { field.optional() }
}

fn host_field(visit: &Visit) -> Field {
    Field::line("host", visit.of("ホスト", "Host"), "")
        .optional()
        .hint(visit.of("空欄なら、システムの全ホストです。", "Empty: every host of the system."))
}

fn reason_field(visit: &Visit, name: &str, label: &str) -> Field {
    let _ = visit;
    Field::new(name, label, Input::Lines(String::new()))
}

fn date_field(visit: &Visit, name: &str, label: &str) -> Field {
    Field::line(name, label, "").hint(visit.of("例：R9.3.31、2027-03-31 17:15", "For example 2027-03-31 17:15"))
}

fn fields(visit: &Visit, word: &str) -> Vec<Field> {
    let lang = visit.lang;
    let every = visit.of("すべてのシステム", "Every system");
    let duty = || {
        let all = visit.office.terms().duties.iter();
        let all = all.map(|terms| (terms.duty.to_string(), super::duty::title(visit, terms.duty)));
        Field::one_of("duty", visit.of("義務", "Duty"), all)
    };
    let need = visit.of("必要な理由", "Why it is needed");
    match word {
        "system" => vec![
            Field::line("system", visit.of("ID（半角英小文字と数字）", "Id (a-z, 0-9, -)"), ""),
            Field::line("name", visit.of("名称", "Name"), ""),
            Field::one_of("importance", visit.of("業務の重要度", "Importance"), choices([
                ("S", words::importance(lang, Importance::S)),
                ("A", words::importance(lang, Importance::A)),
                ("B", words::importance(lang, Importance::B)),
            ])),
            Field::one_of("segment", visit.of("ネットワーク", "Network"), choices([
                ("internet", words::segment(lang, Segment::Internet)),
                ("lgwan", words::segment(lang, Segment::Lgwan)),
                ("my_number", words::segment(lang, Segment::MyNumber)),
            ])),
            Field::one_of("internet_facing", visit.of("インターネットに公開する", "Reachable from the Internet"), trits(visit)),
        ],
        "host" => vec![
            Field::line("host", visit.of("ホスト", "Host"), ""),
            system_field(visit, ""),
            Field::one_of("environment", visit.of("環境", "Environment"), choices([
                ("production", words::environment(lang, Environment::Production)),
                ("test", words::environment(lang, Environment::Test)),
                ("maintenance", words::environment(lang, Environment::Maintenance)),
            ])),
        ],
        "flow" => vec![
            system_field(visit, ""),
            host_field(visit),
            Field::one_of("protocol", visit.of("プロトコル", "Protocol"), choices([("tcp", "TCP"), ("udp", "UDP")])),
            Field::new("port", visit.of("ポート番号", "Port"), Input::Digits("off")),
            reason_field(visit, "purpose", need),
            date_field(visit, "until", visit.of("一時的な開放の終わり", "Until, where temporary")).optional(),
        ],
        "account" => vec![
            system_field(visit, ""),
            host_field(visit),
            Field::line("account", visit.of("アカウント名", "Account"), ""),
            Field::one_of("use", visit.of("用途", "Use"), choices([
                ("person", words::account_use(lang, AccountUse::Person)),
                ("service", words::account_use(lang, AccountUse::Service)),
                ("shared", words::account_use(lang, AccountUse::Shared)),
                ("emergency", words::account_use(lang, AccountUse::Emergency)),
            ])),
            Field::one_of("privileged", visit.of("特権", "Privileged"), trits(visit)),
            reason_field(visit, "need", need),
            date_field(visit, "until", visit.of("期限", "Until")).optional(),
        ],
        "software" => vec![
            system_field(visit, every).optional(),
            Field::line("pattern", visit.of("パッケージ名（末尾の * は任意の文字）", "Package (a trailing * matches any ending)"), ""),
            Field::one_of("ruling", visit.of("可否", "Ruling"), choices([
                ("allowed", words::ruling(lang, Ruling::Allowed)),
                ("refused", words::ruling(lang, Ruling::Refused)),
            ])),
            reason_field(visit, "reason", visit.of("理由", "Reason")),
        ],
        "limit" => vec![
            system_field(visit, ""),
            host_field(visit),
            Field::line("resource", visit.of("資源（disk:/、memory、cpu など）", "Resource (disk:/, memory, cpu)"), ""),
            Field::new("limit", visit.of("上限", "Limit"), Input::Digits("off")),
            reason_field(visit, "at_limit", visit.of("上限に達したときに起きること", "What happens at the limit")),
        ],
        "device_need" => vec![
            system_field(visit, ""),
            Field::one_of("needed", visit.of("端末認証が必要", "Device authentication needed"), trits(visit)),
            reason_field(visit, "reason", visit.of("理由", "Reason")),
        ],
        "support" => vec![
            system_field(visit, ""),
            Field::line("product", visit.of("製品", "Product"), ""),
            Field::line("cycle", visit.of("系列（版）", "Cycle"), ""),
            date_field(visit, "until", visit.of("延長サポートの終わり", "Supported until")),
            reason_field(visit, "basis", visit.of("根拠となる契約・文書", "Contract or document")),
        ],
        "exemption" => vec![
            duty(),
            system_field(visit, every),
            date_field(visit, "until", visit.of("例外の期限", "Until")),
            reason_field(visit, "reason", visit.of("理由と代わりの措置", "Reason and substitute measure")),
        ],
        _ => vec![duty(), system_field(visit, every), reason_field(visit, "reason", visit.of("理由", "Reason"))],
    }
}

struct Typed<'a>(&'a Visit);

impl Typed<'_> {
    fn wrong(&self, name: &str) -> Refusal {
        let text = self.0.of("入力を読み取れません。直してから、もう一度送ってください：", "This field cannot be read: ");
        Refusal::Wrong(format!("{text}{name}"))
    }

    fn text(&self, name: &str) -> String {
        self.0.typed(name).to_owned()
    }

    fn read<T: std::str::FromStr>(&self, name: &str) -> Result<T, Refusal> {
        era::half_width(self.0.typed(name)).trim().parse().map_err(|_| self.wrong(name))
    }

    fn optional<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        if self.0.typed(name).is_empty() { Ok(None) } else { self.read(name).map(Some) }
    }

    /// A word of a closed set, as the ledger spells it.
    fn word<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Refusal> {
        let value = serde_json::Value::String(self.text(name));
        serde_json::from_value(value).map_err(|_| self.wrong(name))
    }

    fn moment(&self, name: &str) -> Result<Timestamp, Refusal> {
        era::read(self.0.typed(name)).ok_or_else(|| self.wrong(name))
    }

    fn maybe_moment(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        if self.0.typed(name).is_empty() { Ok(None) } else { self.moment(name).map(Some) }
    }
}

fn matter(visit: &Visit, word: &str) -> Result<Matter, Refusal> {
    let typed = Typed(visit);
    let duty = || DutyId::parse(visit.typed("duty")).map_err(|_| typed.wrong("duty"));
    Ok(match word {
        "system" => Matter::System(System {
            system: typed.read("system")?,
            name: typed.text("name"),
            importance: typed.word("importance")?,
            segment: typed.word("segment")?,
            internet_facing: typed.word("internet_facing")?,
        }),
        "host" => Matter::Host(HostPlace {
            host: typed.read("host")?,
            system: typed.read("system")?,
            environment: typed.word("environment")?,
        }),
        "flow" => Matter::Flow(Flow {
            system: typed.read("system")?,
            host: typed.optional("host")?,
            protocol: typed.word::<Protocol>("protocol")?,
            port: typed.read("port")?,
            purpose: typed.text("purpose"),
            until: typed.maybe_moment("until")?,
        }),
        "account" => Matter::Account(AccountLine {
            system: typed.read("system")?,
            host: typed.optional("host")?,
            account: typed.text("account"),
            use_: typed.word("use")?,
            privileged: typed.word("privileged")?,
            need: typed.text("need"),
            from: visit.now,
            until: typed.maybe_moment("until")?,
        }),
        "software" => Matter::Software(SoftwareLine {
            system: typed.optional("system")?,
            pattern: typed.text("pattern"),
            ruling: typed.word("ruling")?,
            reason: typed.text("reason"),
        }),
        "limit" => Matter::Limit(LimitLine {
            system: typed.read("system")?,
            host: typed.optional("host")?,
            resource: typed.text("resource"),
            limit: typed.read("limit")?,
            at_limit: typed.text("at_limit"),
        }),
        "device_need" => Matter::DeviceNeed(DeviceNeed {
            system: typed.read("system")?,
            needed: typed.word("needed")?,
            reason: typed.text("reason"),
        }),
        "support" => Matter::Support(SupportLine {
            system: typed.read("system")?,
            product: typed.text("product"),
            cycle: typed.text("cycle"),
            until: typed.moment("until")?,
            basis: typed.text("basis"),
        }),
        "exemption" => Matter::Exemption {
            duty: duty()?,
            system: typed.optional("system")?,
            until: typed.moment("until")?,
            reason: typed.text("reason"),
        },
        _ => Matter::NotApplicable { duty: duty()?, system: typed.optional("system")?, reason: typed.text("reason") },
    })
}
