//! What can be declared, as fields of a form, and read back from what was typed.

use super::block::{Field, Input};
use super::visit::Visit;
use super::{era, words};
use ipnet::IpNet;
use jiff::Timestamp;
use yakujo_contract::act::{
    AccountLine, AccountUse, DeviceNeed, Direction, Environment, Flow, HostPlace, Importance, LimitLine,
    Matter, Protocol, Ruling, Segment, SoftwareLine, SupportLine, System, Trit,
};
use yakujo_contract::duty::DutyId;
use yakujo_contract::fact::network::read_peer;

/// The field that could not be read.
pub struct Misread(pub &'static str);

pub(super) fn choices<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.into_iter().map(|(value, label)| (value.to_owned(), label.to_owned())).collect()
}

pub(super) fn trits(visit: &Visit) -> Vec<(String, String)> {
    let word = |trit| words::trit(visit.lang, trit);
    choices([("yes", word(Trit::Yes)), ("no", word(Trit::No)), ("unsaid", word(Trit::Unsaid))])
}

pub(super) fn system(visit: &Visit) -> Field {
    let names = super::board::system_names(visit);
    let all = names.into_iter().map(|(id, name)| (id.to_string(), format!("{name}（{id}）")));
    Field::one_of("system", visit.of("情報システム", "System"), all)
}

pub(super) fn any_system(visit: &Visit) -> Field {
    let names = super::board::system_names(visit);
    let every = (String::new(), visit.of("すべてのシステム", "Every system").to_owned());
    let all = names.into_iter().map(|(id, name)| (id.to_string(), format!("{name}（{id}）")));
    Field::one_of("system", visit.of("情報システム", "System"), std::iter::once(every).chain(all)).optional()
}

pub(super) fn host(visit: &Visit) -> Field {
    Field::line("host", visit.of("ホスト", "Host"), "")
        .optional()
        .hint(visit.of("空欄なら、システムの全ホストです。", "Empty: every host of the system."))
}

pub(super) fn words_of(name: &str, label: &str) -> Field {
    Field::new(name, label, Input::Lines(String::new()))
}

pub(super) fn moment(visit: &Visit, name: &str, label: &str) -> Field {
    let example =
        visit.of("例：R9.3.31、令和9年3月31日17時15分、2027-03-31 17:15", "For example 2027-03-31 17:15");
    Field::line(name, label, "").hint(example)
}

fn duty(visit: &Visit) -> Field {
    let all = visit.office.terms().duties.iter();
    let all = all.map(|terms| (terms.duty.to_string(), super::duty::title(visit, terms.duty)));
    Field::one_of("duty", visit.of("義務", "Duty"), all)
}

/// The fields of a kind of matter, by its word in the ledger.
#[must_use]
pub fn fields(visit: &Visit, word: &str) -> Vec<Field> {
    match word {
        "system" => of_system(visit),
        "host" => of_host(visit),
        "flow" => of_flow(visit),
        "account" => of_account(visit),
        "software" => of_software(visit),
        "limit" => of_limit(visit),
        "asset" => super::asset_form::fields(visit),
        "target" => super::target_form::fields(visit),
        "holidays" => super::calendar_form::holiday_fields(visit),
        "freeze" => super::calendar_form::freeze_fields(visit),
        "ignore" => super::ignore_form::fields(visit),
        "baseline" => super::baseline_form::fields(visit),
        "device_need" => vec![
            system(visit),
            Field::one_of(
                "needed",
                visit.of("装置の認証が必要か", "Device authentication needed"),
                trits(visit),
            ),
            words_of("reason", visit.of("理由", "Reason")),
        ],
        "support" => vec![
            system(visit),
            Field::line("product", visit.of("製品", "Product"), ""),
            Field::line("cycle", visit.of("系列（版）", "Cycle"), ""),
            moment(visit, "until", visit.of("サポートの終わり", "Supported until")),
            words_of("basis", visit.of("根拠となる契約・文書", "Contract or document")),
        ],
        "exemption" => vec![
            duty(visit),
            any_system(visit),
            moment(visit, "until", visit.of("例外の期限", "Until")),
            words_of("reason", visit.of("理由と、代わりの措置", "Reason and substitute measure")),
        ],
        _ => vec![duty(visit), any_system(visit), words_of("reason", visit.of("理由", "Reason"))],
    }
}

fn of_system(visit: &Visit) -> Vec<Field> {
    let lang = visit.lang;
    let importance = choices([
        ("S", words::importance(lang, Importance::S)),
        ("A", words::importance(lang, Importance::A)),
        ("B", words::importance(lang, Importance::B)),
    ]);
    let segment = choices([
        ("internet", words::segment(lang, Segment::Internet)),
        ("lgwan", words::segment(lang, Segment::Lgwan)),
        ("my_number", words::segment(lang, Segment::MyNumber)),
    ]);
    let hint = visit.of(
        "半角の英小文字・数字・ハイフン。後から変えられません。同じIDで申告し直すと、内容の変更になります。",
        "a-z, 0-9, '-'. It stays; declaring the same id again changes the system.",
    );
    vec![
        Field::line("system", visit.of("ID", "Id"), "").hint(hint),
        Field::line("name", visit.of("名称", "Name"), ""),
        Field::one_of("importance", visit.of("業務の重要度", "Importance"), importance),
        Field::one_of("segment", visit.of("ネットワーク", "Network"), segment),
        Field::one_of(
            "internet_facing",
            visit.of("インターネットに公開しているか", "Reachable from the Internet"),
            trits(visit),
        ),
    ]
}

fn of_host(visit: &Visit) -> Vec<Field> {
    let lang = visit.lang;
    let environment = choices([
        ("production", words::environment(lang, Environment::Production)),
        ("test", words::environment(lang, Environment::Test)),
        ("maintenance", words::environment(lang, Environment::Maintenance)),
    ]);
    vec![
        Field::line("host", visit.of("ホスト", "Host"), ""),
        system(visit),
        Field::one_of("environment", visit.of("環境", "Environment"), environment),
    ]
}

fn of_flow(visit: &Visit) -> Vec<Field> {
    let directions = choices([
        ("in", words::direction(visit.lang, Direction::In)),
        ("out", words::direction(visit.lang, Direction::Out)),
    ]);
    let protocol = choices([("tcp", "TCP"), ("udp", "UDP")]);
    vec![
        system(visit),
        host(visit),
        Field::one_of("direction", visit.of("通信の向き", "Direction"), directions)
            .hint(visit.of("この機器から見た向き", "Seen from this host")),
        Field::one_of("protocol", visit.of("プロトコル", "Protocol"), protocol),
        Field::line("port", visit.of("ポート番号", "Port"), "").hint(visit.of(
            "1–65535。外へ出る通信では、相手のポート番号",
            "1–65535; of the other side where the host goes out",
        )),
        Field::line("peer", visit.of("相手の範囲", "Other side"), "")
            .hint(visit.of(
                "例：192.0.2.7、10.1.0.0/16。空欄は、相手を限らない",
                "As 192.0.2.7 or 10.1.0.0/16; empty: anybody",
            ))
            .optional(),
        words_of("purpose", visit.of("必要な理由", "Why it is needed")),
        moment(visit, "until", visit.of("一時的に開ける場合の終わり", "Until, where temporary")).optional(),
    ]
}

fn of_account(visit: &Visit) -> Vec<Field> {
    let lang = visit.lang;
    let purposes = choices([
        ("person", words::account_use(lang, AccountUse::Person)),
        ("service", words::account_use(lang, AccountUse::Service)),
        ("shared", words::account_use(lang, AccountUse::Shared)),
        ("emergency", words::account_use(lang, AccountUse::Emergency)),
    ]);
    vec![
        system(visit),
        host(visit),
        Field::line("account", visit.of("アカウント名", "Account"), "").hint(visit.of(
            "データベースのロールは、場所を付けて書きます。例：postgresql://main/yamada",
            "A role of a data base is written with its place, as postgresql://main/yamada",
        )),
        Field::one_of("use", visit.of("用途", "Use"), purposes),
        Field::one_of(
            "privileged",
            visit.of("特権（root、sudo など）を使えるか", "May act with privilege"),
            trits(visit),
        ),
        words_of(
            "need",
            visit.of("必要な理由（氏名は書かないでください）", "Why it is needed (no names of people)"),
        ),
        moment(visit, "until", visit.of("期限", "Until")).optional(),
    ]
}

fn of_software(visit: &Visit) -> Vec<Field> {
    let lang = visit.lang;
    let rulings = choices([
        ("allowed", words::ruling(lang, Ruling::Allowed)),
        ("refused", words::ruling(lang, Ruling::Refused)),
    ]);
    let hint = visit.of(
        "末尾の * は任意の文字。origin:Debian のように書くと、その配布元のすべてです。",
        "A trailing * matches any ending; origin:Debian stands for everything of that distributor.",
    );
    vec![
        any_system(visit),
        Field::line("pattern", visit.of("パッケージ名", "Package"), "").hint(hint),
        Field::one_of("ruling", visit.of("可否", "Ruling"), rulings),
        words_of("reason", visit.of("理由", "Reason")),
    ]
}

fn of_limit(visit: &Visit) -> Vec<Field> {
    let resource = visit.of("資源", "Resource");
    let names = visit.of(
        "ホストの画面の「容量」に出ている名前（例：disk:/、memory、cpu）",
        "As on the page of the host: disk:/, memory, cpu",
    );
    let unit = visit
        .of("資源の単位での数（バイト、コア、個数）", "In the unit of the resource (bytes, cores, count)");
    vec![
        system(visit),
        host(visit),
        Field::line("resource", resource, "").hint(names),
        Field::line("limit", visit.of("限界値", "Limit"), "").hint(unit),
        words_of("at_limit", visit.of("限界に達したときに起きること", "What happens at the limit")),
    ]
}

pub(super) struct Typed<'a>(pub(super) &'a Visit);

impl Typed<'_> {
    pub(super) fn text(&self, name: &str) -> String {
        self.0.typed(name).to_owned()
    }

    pub(super) fn read<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, Misread> {
        era::half_width(self.0.typed(name)).trim().parse().map_err(|_| Misread(name))
    }

    pub(super) fn optional<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Misread> {
        if self.0.typed(name).is_empty() { Ok(None) } else { self.read(name).map(Some) }
    }

    /// A word of a closed set, as the ledger spells it.
    pub(super) fn word<T: serde::de::DeserializeOwned>(&self, name: &'static str) -> Result<T, Misread> {
        let value = serde_json::Value::String(self.text(name));
        serde_json::from_value(value).map_err(|_| Misread(name))
    }

    pub(super) fn moment(&self, name: &'static str) -> Result<Timestamp, Misread> {
        era::read(self.0.typed(name)).ok_or(Misread(name))
    }

    /// An address or a network; nothing typed: anybody.
    fn peer(&self, name: &'static str) -> Result<Option<IpNet>, Misread> {
        let typed = era::half_width(self.0.typed(name));
        let typed = typed.trim();
        if typed.is_empty() { Ok(None) } else { read_peer(typed).map(Some).ok_or(Misread(name)) }
    }

    fn maybe_moment(&self, name: &'static str) -> Result<Option<Timestamp>, Misread> {
        if self.0.typed(name).is_empty() { Ok(None) } else { self.moment(name).map(Some) }
    }
}

/// The matter that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read(visit: &Visit, word: &str) -> Result<Matter, Misread> {
    let typed = Typed(visit);
    let duty = || DutyId::parse(visit.typed("duty")).map_err(|_| Misread("duty"));
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
        "flow" | "account" | "limit" => of_a_host(visit, word)?,
        "asset" => Matter::Asset(super::asset_form::read(visit)?),
        "target" => Matter::Target(super::target_form::read(visit)?),
        "holidays" => Matter::Holidays(super::calendar_form::read_holidays(visit)?),
        "freeze" => Matter::Freeze(super::calendar_form::read_freeze(visit)?),
        "ignore" => Matter::Ignore(super::ignore_form::read(visit)?),
        "baseline" => Matter::Baseline(super::baseline_form::read(visit)?),
        "software" => Matter::Software(SoftwareLine {
            system: typed.optional("system")?,
            pattern: typed.text("pattern"),
            ruling: typed.word("ruling")?,
            reason: typed.text("reason"),
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
        _ => Matter::NotApplicable {
            duty: duty()?,
            system: typed.optional("system")?,
            reason: typed.text("reason"),
        },
    })
}

fn of_a_host(visit: &Visit, word: &str) -> Result<Matter, Misread> {
    let typed = Typed(visit);
    let (system, host) = (typed.read("system")?, typed.optional("host")?);
    Ok(match word {
        "flow" => Matter::Flow(Flow {
            system,
            host,
            protocol: typed.word::<Protocol>("protocol")?,
            port: typed.read("port")?,
            direction: if visit.typed("direction").is_empty() {
                Direction::In
            } else {
                typed.word("direction")?
            },
            peer: typed.peer("peer")?,
            purpose: typed.text("purpose"),
            until: typed.maybe_moment("until")?,
        }),
        "account" => Matter::Account(AccountLine {
            system,
            host,
            account: typed.text("account"),
            owner: typed.optional("owner")?,
            use_: typed.word("use")?,
            privileged: typed.word("privileged")?,
            need: typed.text("need"),
            from: visit.now,
            until: typed.maybe_moment("until")?,
        }),
        _ => Matter::Limit(LimitLine {
            system,
            host,
            resource: typed.text("resource"),
            limit: typed.read("limit")?,
            at_limit: typed.text("at_limit"),
        }),
    })
}
