//! The words people read, in both languages, one exhaustive `match` per closed set. Pages hold sentences; names of
//! things are here and nowhere else.

use crate::decide::Refusal;
use crate::heads::HeadError;
use crate::people::passwords::Weak;
use yakujo_contract::act::{
    AccountUse, Direction, DocumentKind, Environment, Importance, ReviewOutcome, Role, Ruling, Segment, Trit,
    WorkType,
};
use yakujo_contract::duty::{Clause, Kind};
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::evidence::agreement::Stage;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::{Availability, Blindness, Fault};
use yakujo_contract::fact::server::CloseReason;
use yakujo_contract::outage::Weight;
use yakujo_contract::standing::{EvidenceClass, Sentence, Standing};
use yakujo_contract::target::Means;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

impl Lang {
    /// The `lang` attribute and the value of the cookie.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Ja => Self::En,
            Self::En => Self::Ja,
        }
    }

    /// Picks one of two texts.
    #[must_use]
    pub fn of<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }

    /// Picks a language of a sentence.
    #[must_use]
    pub fn say(self, sentence: &Sentence) -> String {
        self.of(&sentence.ja, &sentence.en).to_owned()
    }
}

/// 適合 …
#[must_use]
pub fn standing(lang: Lang, standing: &Standing) -> &'static str {
    match standing {
        Standing::Kept => lang.of("適合", "Kept"),
        Standing::Broken => lang.of("不適合", "Broken"),
        Standing::Unknown => lang.of("未確認", "Unknown"),
        Standing::Exempt(_) => lang.of("例外承認中", "Exempt"),
        Standing::NotApplicable => lang.of("対象外", "Not applicable"),
    }
}

/// The sign that goes with it, as staff use it on paper.
#[must_use]
pub fn sign(standing: &Standing) -> &'static str {
    match standing {
        Standing::Kept => "○",
        Standing::Broken => "×",
        Standing::Unknown => "－",
        Standing::Exempt(_) => "△",
        Standing::NotApplicable => "／",
    }
}

/// The name of a clause, where the contract file gives no other.
#[must_use]
pub fn clause(lang: Lang, clause: Clause) -> &'static str {
    match clause {
        Clause::C01Procedures => lang.of("操作手順", "Procedures"),
        Clause::C02Malware => lang.of("不正プログラム対策", "Malware protection"),
        Clause::C03Vulnerabilities => lang.of("脆弱性対策", "Vulnerabilities"),
        Clause::C04Network => lang.of("ネットワークセキュリティ", "Network security"),
        Clause::C05Logs => lang.of("ログ", "Logs"),
        Clause::C06Clocks => lang.of("時刻の同期", "Clocks"),
        Clause::C07Stops => lang.of("停止等", "Stops"),
        Clause::C08Changes => lang.of("変更管理", "Changes"),
        Clause::C09Capacity => lang.of("データベース管理（容量）", "Capacity"),
        Clause::C10Backups => lang.of("バックアップ", "Backups"),
        Clause::C11Access => lang.of("アクセス制御", "Access control"),
        Clause::C12Environments => lang.of("開発及び運用", "Development and operation"),
        Clause::C13Entry => lang.of("入退域管理", "Entry to premises"),
        Clause::C14Surveillance => lang.of("監視", "Surveillance"),
    }
}

/// The number of a clause.
#[must_use]
pub fn clause_number(clause: Clause) -> usize {
    Clause::ALL.iter().position(|other| *other == clause).map_or(0, |index| index + 1)
}

/// Kind of duty.
#[must_use]
pub fn kind(lang: Lang, kind: Kind) -> &'static str {
    match kind {
        Kind::State => lang.of("状態の維持", "State"),
        Kind::Capable => lang.of("機能の具備", "Function"),
        Kind::Gate => lang.of("事前の承認", "Ask before acting"),
        Kind::Report => lang.of("報告", "Report"),
        Kind::Disclose => lang.of("求めに応じた提示", "Disclose on request"),
        Kind::Record => lang.of("記録", "Record"),
        Kind::Present => lang.of("明示・提出", "Present"),
    }
}

/// What an evidence class means.
#[must_use]
pub fn class(lang: Lang, class: EvidenceClass) -> &'static str {
    match class {
        EvidenceClass::E1 => {
            lang.of("E1 機器が観測し、直ちに台帳に記録", "E1 observed by a program, chained at once")
        }
        EvidenceClass::E2 => {
            lang.of("E2 他のシステムの出力（署名付き）", "E2 signed export of another system")
        }
        EvidenceClass::E3 => lang.of("E3 相手方が承認した文書", "E3 document approved by the other party"),
        EvidenceClass::E4 => lang.of("E4 記名の申立て（期限あり）", "E4 statement with an expiry"),
        EvidenceClass::E5 => lang.of("E5 期限のない申立て", "E5 statement without expiry"),
    }
}

/// Role.
#[must_use]
pub fn role(lang: Lang, role: Role) -> &'static str {
    match role {
        Role::CityStaff => lang.of("市 担当", "City staff"),
        Role::CityApprover => lang.of("市 決裁者", "City approver"),
        Role::CitySecurity => lang.of("市 セキュリティ責任者", "City security officer"),
        Role::Operator => lang.of("受託者 運用担当", "Contractor operator"),
        Role::SecurityLead => lang.of("受託者 セキュリティ責任者", "Contractor security lead"),
        Role::Auditor => lang.of("監査人", "Auditor"),
    }
}

/// Party.
#[must_use]
pub fn party(lang: Lang, party: Party) -> &'static str {
    match party {
        Party::City => lang.of("市", "City"),
        Party::Contractor => lang.of("受託者", "Contractor"),
        Party::Auditor => lang.of("監査人", "Auditor"),
    }
}

/// Importance.
#[must_use]
pub fn importance(lang: Lang, importance: Importance) -> &'static str {
    match importance {
        Importance::S => {
            lang.of("S（住民・税・福祉・災害・選挙）", "S (residents, tax, welfare, disaster, election)")
        }
        Importance::A => lang.of("A（職員の基幹業務）", "A (core work of the staff)"),
        Importance::B => lang.of("B（その他）", "B (other)"),
    }
}

/// Segment.
#[must_use]
pub fn segment(lang: Lang, segment: Segment) -> &'static str {
    match segment {
        Segment::Internet => lang.of("インターネット接続系", "Internet segment"),
        Segment::Lgwan => lang.of("LGWAN接続系", "LGWAN segment"),
        Segment::MyNumber => lang.of("マイナンバー利用事務系", "My Number segment"),
    }
}

/// Environment.
#[must_use]
pub fn environment(lang: Lang, environment: Environment) -> &'static str {
    match environment {
        Environment::Production => lang.of("運用環境", "Production"),
        Environment::Test => lang.of("テスト環境", "Test"),
        Environment::Maintenance => lang.of("保守用機器", "Maintenance"),
    }
}

/// Yes, no, unsaid.
#[must_use]
pub fn trit(lang: Lang, trit: Trit) -> &'static str {
    match trit {
        Trit::Yes => lang.of("はい", "Yes"),
        Trit::No => lang.of("いいえ", "No"),
        Trit::Unsaid => lang.of("未申告", "Not said"),
    }
}

/// Which side begins a communication.
#[must_use]
pub fn direction(lang: Lang, direction: Direction) -> &'static str {
    match direction {
        Direction::In => lang.of("外から", "In"),
        Direction::Out => lang.of("外へ", "Out"),
    }
}

/// How a target stood.
#[must_use]
pub fn availability(lang: Lang, state: Availability) -> &'static str {
    match state {
        Availability::Up => lang.of("稼働", "Up"),
        Availability::Restricted => lang.of("運用制限", "Restricted"),
        Availability::Down => lang.of("停止", "Down"),
    }
}

/// What was wrong with an answer.
#[must_use]
pub fn fault(lang: Lang, fault: Fault) -> &'static str {
    match fault {
        Fault::Refused => lang.of("接続を拒まれました", "refused"),
        Fault::Timeout => lang.of("時間内に応答がありません", "no answer in time"),
        Fault::Unreachable => lang.of("到達できません", "no way there"),
        Fault::Name => lang.of("名前を引けません", "the name is not known"),
        Fault::Tls => {
            lang.of("証明書または暗号通信を確かめられません", "certificate or encryption not to be believed")
        }
        Fault::Broken => lang.of("応答が途中で切れました", "the answer broke off"),
        Fault::Status => lang.of("応答番号が約束と違います", "another status than promised"),
        Fault::Text => lang.of("あるはずの文字がありません", "the promised text is missing"),
        Fault::Function => lang.of("使えるはずの機能がありません", "a function is missing"),
        Fault::Slow => lang.of("応答が遅すぎます", "too slow"),
        Fault::Unsteady => lang.of("つながったり切れたりしています", "comes and goes"),
    }
}

/// How a probe knows that its own network is cut.
#[must_use]
pub fn blindness(lang: Lang, why: Blindness) -> &'static str {
    match why {
        Blindness::NoNetwork => {
            lang.of("監視点の機器に回線がありません", "no network on the probe's machine")
        }
        Blindness::ReferenceSilent => lang.of("回線の確認先も応答しません", "the reference is silent, too"),
        Blindness::EverythingSilent => lang.of("どこからも応答がありません", "nothing answers at all"),
    }
}

/// What an interval weighs.
#[must_use]
pub fn weight(lang: Lang, weight: Weight) -> &'static str {
    match weight {
        Weight::Agreed => lang.of("二つ以上の監視点が一致", "two probes agree"),
        Weight::OneProbe => lang.of("一つの監視点だけ（未確認）", "one probe only (unknown)"),
        Weight::Blip => lang.of("瞬断（停止とみなす長さ未満）", "blip (shorter than a stop)"),
    }
}

/// How a target is tried.
#[must_use]
pub fn means(lang: Lang, means: Means) -> &'static str {
    match means {
        Means::Tcp => lang.of("TCP（接続）", "TCP"),
        Means::Http => lang.of("HTTP（画面）", "HTTP"),
        Means::Https => lang.of("HTTPS（画面と証明書）", "HTTPS"),
        Means::Icmp => lang.of("ICMP（応答）", "ICMP"),
    }
}

/// What an account is for.
#[must_use]
pub fn account_use(lang: Lang, purpose: AccountUse) -> &'static str {
    match purpose {
        AccountUse::Person => lang.of("個人", "Person"),
        AccountUse::Service => lang.of("プログラム", "Service"),
        AccountUse::Shared => lang.of("共用", "Shared"),
        AccountUse::Emergency => lang.of("緊急用", "Emergency"),
    }
}

/// Software allowed or refused.
#[must_use]
pub fn ruling(lang: Lang, ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allowed => lang.of("利用可", "Allowed"),
        Ruling::Refused => lang.of("利用禁止", "Refused"),
    }
}

/// Kind of document.
#[must_use]
pub fn document_kind(lang: Lang, kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Procedure => lang.of("操作手順書", "Procedure"),
        DocumentKind::FailureMeasures => lang.of("障害対策明示書", "Failure measures"),
        DocumentKind::AuthenticationSheet => lang.of("認証方式届", "Authentication sheet"),
        DocumentKind::BackupPlan => lang.of("バックアップ手順", "Backup plan"),
        DocumentKind::Other => lang.of("その他の文書", "Other document"),
    }
}

/// Work that a procedure describes.
#[must_use]
pub fn work(lang: Lang, work: WorkType) -> &'static str {
    match work {
        WorkType::StartStop => lang.of("起動・停止", "Start and stop"),
        WorkType::Patching => lang.of("ソフトウェア更新", "Patching"),
        WorkType::Accounts => lang.of("アカウントの発行・廃止", "Accounts"),
        WorkType::Backup => lang.of("バックアップ・復元", "Backup and restore"),
        WorkType::LogExtraction => lang.of("ログの取得", "Log extraction"),
        WorkType::IncidentResponse => lang.of("障害・事案の初動", "Incident response"),
        WorkType::Media => lang.of("媒体の取扱い", "Media"),
        WorkType::ServerRoom => lang.of("サーバ室での作業", "Server room"),
        WorkType::Configuration => lang.of("設定の変更", "Configuration"),
        WorkType::Other => lang.of("その他", "Other"),
    }
}

/// Outcome of a review.
#[must_use]
pub fn outcome(lang: Lang, outcome: ReviewOutcome) -> &'static str {
    match outcome {
        ReviewOutcome::Revised => lang.of("改定する", "Revised"),
        ReviewOutcome::NoChange => lang.of("改定の必要なし", "No change needed"),
    }
}

/// Where a proposal stands.
#[must_use]
pub fn stage(lang: Lang, stage: Stage) -> &'static str {
    match stage {
        Stage::Open => lang.of("相手方の合意待ち", "Waiting for agreement"),
        Stage::Agreed(_) => lang.of("合意済み", "Agreed"),
        Stage::Refused => lang.of("不同意", "Refused"),
        Stage::Ended => lang.of("終了", "Ended"),
    }
}

/// Why a session ended.
#[must_use]
pub fn close_reason(lang: Lang, reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::SignedOut => lang.of("サインアウト", "Signed out"),
        CloseReason::Idle => lang.of("無操作による切断", "Idle cut"),
        CloseReason::Absolute => lang.of("利用時間の上限", "Absolute limit"),
        CloseReason::Revoked => lang.of("権限の変更による切断", "Ended by a change of rights"),
    }
}

/// Why a password is refused, and how to do better.
#[must_use]
pub fn weak(lang: Lang, weak: Weak) -> &'static str {
    match weak {
        Weak::Short => lang.of("パスワードは12文字以上にしてください。", "Use at least 12 characters."),
        Weak::Long => lang.of("パスワードは256文字以内にしてください。", "Use at most 256 characters."),
        Weak::Common => lang.of(
            "よく使われるパスワードです。関係のない単語をいくつか並べた、ほかで使っていないものにしてください。",
            "This password is common. Use several unrelated words that you use nowhere else.",
        ),
        Weak::ContainsLogin => {
            lang.of("パスワードにサインイン名を含めないでください。", "Do not put your sign-in name into it.")
        }
    }
}

/// Why an act was refused, and what to do.
#[must_use]
pub fn refusal(lang: Lang, refusal: &Refusal) -> String {
    let text = match refusal {
        Refusal::NotYours => lang.of(
            "この操作は、あなたの役割では行えません。決裁者またはセキュリティ責任者に依頼してください。",
            "Your role may not do this. Ask an approver or the security lead.",
        ),
        Refusal::NoSuchProposal | Refusal::NoSuchThing => lang.of(
            "対象が見つかりません。取り下げられた可能性があります。一覧に戻って確かめてください。",
            "It does not exist (any more). Look at the list again.",
        ),
        Refusal::NotOpen => lang.of(
            "すでに処理が終わっています。画面を開き直して、現在の状態を確かめてください。",
            "It has been decided already. Open the page again.",
        ),
        Refusal::OwnProposal => lang.of(
            "申告した側が自ら合意することはできません。相手方の合意が必要です。",
            "The other party has to agree, not the one who proposed.",
        ),
        Refusal::Taken => lang.of("もう一度お試しください。", "Try again."),
        Refusal::Stale => lang.of(
            "この画面を開いた後に、別の操作が記録されました。記録は行われていません。現在の内容を確かめて、必要なら、もう一度行ってください。",
            "Something was recorded after this page was opened, so nothing was done. Look at it again and repeat, if it is still needed.",
        ),
        Refusal::Text => lang.of(
            "文が空か、2,000文字を超えているか、使えない文字があります。直してから、もう一度送ってください。",
            "A text is empty, longer than 2,000 characters, or holds control characters.",
        ),
        Refusal::Step(why) => return super::request_words::why_not(lang, why),
        Refusal::Order(why) => super::request_orders::why_not(lang, *why),
        Refusal::Value(_) => lang.of("値が決められた範囲にありません", "A value is outside its range"),
        Refusal::NotStored(_) => lang.of(
            "台帳に記録できなかったため、操作は行われていません。運用担当へ連絡してください。",
            "The ledger could not store it, so nothing was done. Tell the operator.",
        ),
    };
    match refusal {
        Refusal::Value(what) => format!("{text}：{what}"),
        _ => text.to_owned(),
    }
}

/// What an entry is, in a few words.
#[must_use]
pub fn entry(lang: Lang, entry: &Entry) -> &'static str {
    match &entry.body {
        Body::Fact(fact) => {
            let (ja, en) = fact.name();
            lang.of(ja, en)
        }
        Body::Act(act) => act_words(lang, act.kind()),
    }
}

/// An amount of a resource of `capacity.sample` in the unit people use: GiB, cores, or a count.
#[must_use]
pub fn amount(resource: &str, amount: u64) -> String {
    let tenths = |of: u64| {
        let tenths = u128::from(amount) * 10 / u128::from(of);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match resource.split(':').next().unwrap_or_default() {
        "disk" | "memory" | "swap" | "database" => format!("{} GiB", tenths(1 << 30)),
        "cpu" => format!("{} cores", tenths(1_000)),
        _ => amount.to_string(),
    }
}

/// Why a cosigned head was not taken.
#[must_use]
pub fn head(lang: Lang, error: &HeadError) -> &'static str {
    match error {
        HeadError::Note(_) | HeadError::Checkpoint(_) | HeadError::Key(_) => lang.of(
            "立会署名した照合値、または市の公開鍵として読み取れません。すべての行を貼り付けてください。",
            "This is no cosigned checkpoint, or no public key. Paste all lines.",
        ),
        HeadError::Policy(_) => lang.of(
            "署名が、この台帳と市の公開鍵のものではありません。",
            "The signatures are not those of this ledger and this key.",
        ),
        HeadError::Foreign => lang.of(
            "この照合値は、この台帳のものではありません。記録が巻き戻された疑いがあります。市の控えを保管し、受託者に説明を求めてください。",
            "This ledger never had this head: it may have been rolled back. Keep the lines and ask the contractor.",
        ),
        HeadError::OtherKey => lang.of(
            "市が最初に預けた公開鍵と違います。",
            "The key is not the one the city registered first.",
        ),
        HeadError::Read(_) | HeadError::File(_) => {
            lang.of("サーバの側で失敗しました。", "The server failed.")
        }
    }
}

/// What a kind of entry is called, by its word in the ledger.
#[must_use]
pub fn kind_of_entry(lang: Lang, kind: &str) -> &'static str {
    Fact::name_of(kind).map_or_else(|| act_words(lang, kind), |(ja, en)| lang.of(ja, en))
}

/// Who made an entry.
#[must_use]
pub fn author(lang: Lang, author: &Author) -> String {
    match author {
        Author::Agent(host) => format!("{} {host}", lang.of("エージェント", "Agent")),
        Author::Server => lang.of("サーバ", "Server").to_owned(),
        Author::Person { id, party: side, .. } => format!("{} {id}", party(lang, *side)),
    }
}

/// What an act is called, by its word in the ledger.
fn act_words(lang: Lang, kind: &str) -> &'static str {
    match kind {
        "proposed" => lang.of("申告・提案", "Proposed"),
        "agreed" => lang.of("合意", "Agreed"),
        "refused" => lang.of("不同意", "Refused"),
        "ended" => lang.of("取下げ・終了", "Ended"),
        "document.registered" => lang.of("文書の登録", "Document registered"),
        "document.approved" => lang.of("文書の承認", "Document approved"),
        "document.reviewed" => lang.of("文書の見直し", "Document reviewed"),
        "document.acknowledged" => lang.of("文書の確認（読了）", "Document read"),
        "document.withdrawn" => lang.of("文書の廃止", "Document withdrawn"),
        "person.entered" => lang.of("就任・登録", "Person entered"),
        "person.linked" => lang.of("リンクの再発行", "New link to sign in"),
        "person.left" => lang.of("離任・終了", "Person left"),
        "post.named" => lang.of("職の名称", "Post named"),
        "post.taken" => lang.of("職への就任", "Post taken up"),
        "post.left" => lang.of("職の離任", "Post left"),
        "deputy.named" => lang.of("代決者の指定", "Deputy named"),
        "deputy.ended" => lang.of("代決者の終了", "Deputy ended"),
        "route.set" => lang.of("決裁経路の設定", "Route set"),
        "request.asked" => lang.of("申請・報告の提出", "Request handed in"),
        "request.step" => lang.of("申請・報告の経過", "Step of a request"),
        "finding.classified" => lang.of("所見の分類", "Finding classified"),
        "finding.closed" => lang.of("所見の終結", "Finding closed"),
        "device.enrolled" => lang.of("機器証明書の発行", "Device enrolled"),
        "device.revoked" => lang.of("機器証明書の失効", "Device revoked"),
        "order.issued" => lang.of("エージェントへの指令", "Order to an agent"),
        "access.reviewed" => lang.of("権限の棚卸し", "Access reviewed"),
        "disclosure.requested" => lang.of("提示の求め", "Disclosure requested"),
        "disclosure.delivered" => lang.of("提示", "Disclosure delivered"),
        "bundle.taken" => lang.of("証拠束の持出し", "Bundle taken"),
        "head.cosigned" => lang.of("市による連署", "Head cosigned"),
        "comment.made" => lang.of("コメント（双方）", "Comment (both parties)"),
        "personal.erased" => lang.of("個人情報の消去", "Personal text erased"),
        "entry.corrected" => lang.of("訂正", "Corrected"),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::act::Act;

    #[test]
    fn amounts_are_in_the_unit_people_use() {
        assert_eq!(amount("disk:/", 97_572_749_312), "90.8 GiB");
        assert_eq!(amount("cpu", 2_000), "2.0 cores");
        assert_eq!(amount("inodes:/", 16_777_216), "16777216");
    }

    #[test]
    fn every_kind_of_entry_has_a_name_in_both_languages() {
        for kind in Fact::KINDS.iter().chain(&Act::KINDS) {
            for lang in [Lang::Ja, Lang::En] {
                assert!(!kind_of_entry(lang, kind).is_empty(), "{kind}");
            }
        }
    }
}
