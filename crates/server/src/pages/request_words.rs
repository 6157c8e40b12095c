//! Words of requests: states, steps, and why a step is not allowed.

use super::words::Lang;
use yakujo_contract::id::PostId;
use yakujo_contract::request::flow::{State, WhyNot};
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{Edition, Manner, NotFilled, Opinion, Outcome, Step, Trigger};

/// What a state is called.
#[must_use]
pub fn state(lang: Lang, state: State) -> &'static str {
    let (ja, en) = state.name();
    lang.of(ja, en)
}

/// What a step is called.
#[must_use]
pub fn step(lang: Lang, step: &Step) -> &'static str {
    match step {
        Step::Received => lang.of("受付", "Taken in"),
        Step::Consulted { .. } => lang.of("協議", "Discussed"),
        Step::Signed { .. } => lang.of("回議・合議", "Signed on the way"),
        Step::Approved { conditions, .. } if conditions.is_empty() => lang.of("承認", "Approved"),
        Step::Approved { .. } => lang.of("条件付承認", "Approved with conditions"),
        Step::Refused { .. } => lang.of("不承認", "Refused"),
        Step::Returned { .. } => lang.of("差戻し", "Returned"),
        Step::Resubmitted { .. } => lang.of("再提出", "Handed in again"),
        Step::Withdrawn { .. } => lang.of("取下げ", "Withdrawn"),
        Step::Revoked { .. } => lang.of("承認の取消し", "Approval revoked"),
        Step::Countersigned { .. } => lang.of("後閲", "Seen afterwards by the holder of the post"),
        Step::Consented { .. } => lang.of("電話による了承の記録", "Consent by telephone, recorded"),
        Step::Invoked { .. } => lang.of("包括承認の発動", "Standing approval used"),
        Step::Done { .. } => lang.of("実施", "Done"),
        Step::Reported { .. } => lang.of("報告・提供", "Reported"),
        Step::Confirmed { .. } => lang.of("確認", "Confirmed"),
    }
}

/// Title of a form, with its key.
#[must_use]
pub fn form(lang: Lang, form: Form) -> String {
    let row = form.row();
    format!("{} {}", row.key, lang.of(row.ja, row.en))
}

/// Why a step is not allowed, and what to do.
#[must_use]
pub fn why_not(lang: Lang, why: &WhyNot) -> String {
    match why {
        WhyNot::OtherParty => lang.of("この操作は相手方が行います。", "The other party takes this step.").to_owned(),
        WhyNot::NotNow(now) => {
            let state = state(lang, *now);
            match lang {
                Lang::Ja => format!("現在の状態は「{state}」のため、この操作はできません。画面を開き直してください。"),
                Lang::En => format!("It is “{state}” now, so this step does not follow. Open the page again."),
            }
        }
        WhyNot::NotThisForm => {
            lang.of("この様式では行わない操作です。", "This form does not go this way.").to_owned()
        }
        WhyNot::NoPost => lang
            .of(
                "本日、この職に就いているか、代決者として登録されている方だけが行えます。職の登録を確かめてください。",
                "Only the holder of the post on this day, or a deputy named for it, may do this.",
            )
            .to_owned(),
        WhyNot::NotSettledBy => lang
            .of(
                "「協議が調った」と記録できるのは、この様式を決裁する職に本日就いている方だけです。ほかの方は「継続」として記録し、決裁する職の方に回してください。代決者の方は、協議ではなく「承認」で決裁してください。",
                "That a talk was settled is recorded by the holder of the post that decides. Record it as going on and pass it to the holder; a deputy decides by an approval.",
            )
            .to_owned(),
        WhyNot::OwnRequest => lang
            .of(
                "申請した方と同じ方は決裁できません。別の方に依頼してください。",
                "Nobody decides on his own request. Ask somebody else.",
            )
            .to_owned(),
        WhyNot::OtherPost(post) | WhyNot::Unsigned(post) | WhyNot::Vacant(post) => of_post(lang, why, post),
        WhyNot::Wider => lang
            .of("申請の範囲と期間を超える承認・発動はできません。", "It may be narrower than the request, not wider.")
            .to_owned(),
        WhyNot::Instant => lang
            .of(
                "日時が先の時刻か、終わりが始まりより前です。日時を確かめてください。",
                "The instant lies ahead, or the end comes before the beginning.",
            )
            .to_owned(),
        WhyNot::NoSuchUse => lang
            .of(
                "その発動は見つからないか、報告済です。",
                "There is no such use of the standing approval, or it was reported.",
            )
            .to_owned(),
        WhyNot::NotFilled(wrong) => not_filled(lang, wrong),
    }
}

/// What has to be said of another post.
fn of_post(lang: Lang, why: &WhyNot, post: &PostId) -> String {
    match (why, lang) {
        (WhyNot::Vacant(_), Lang::Ja) => format!(
            "通話の時刻に、「{post}」の職に就いている方（代決者を含む）がいません。職と通話の日時を確かめてください。"
        ),
        (WhyNot::Vacant(_), Lang::En) => {
            format!("Nobody held the post {post} at the time of the call. Check the post and the time.")
        }
        (WhyNot::Unsigned(_), Lang::Ja) => format!("回議・合議が終わっていません（{post}）。"),
        (WhyNot::Unsigned(_), Lang::En) => format!("{post} has not agreed yet."),
        (_, Lang::Ja) => format!("この様式の決裁は「{post}」の職が行います。"),
        (_, Lang::En) => format!("The post {post} decides on this form."),
    }
}

/// What is missing in a form.
#[must_use]
pub fn not_filled(lang: Lang, wrong: &NotFilled) -> String {
    let named = |ja: &str, en: &str, key: &str| match lang {
        Lang::Ja => format!("{ja}（{}）", label(lang, key)),
        Lang::En => format!("{en} ({})", label(lang, key)),
    };
    match wrong {
        NotFilled::Missing(key) => named("入力が必要な欄が空です", "A field is missing", key),
        NotFilled::Unknown(key) => named("この様式にない欄です", "The form has no such field", key),
        NotFilled::Choice(key) => named("選べない値です", "No such choice", key),
        NotFilled::Scope => lang
            .of(
                "対象を選んでください。変更・試験では、対象物を1件以上入力してください。",
                "Choose what it is about; a change or a test names at least one thing.",
            )
            .to_owned(),
        NotFilled::Digest => lang
            .of(
                "試験したリリースは「リリース 名前 ハッシュ（SHA-256）」の形で入力してください。",
                "Write a release as `Release NAME SHA-256`: the digest of what was tested.",
            )
            .to_owned(),
        NotFilled::Window => lang
            .of(
                "期間の開始と終了を入力してください。終了は開始より後にしてください。",
                "Give beginning and end; the end comes after the beginning.",
            )
            .to_owned(),
        NotFilled::Standing => lang
            .of(
                "包括承認には、最大時間・回数・報告期限と、1年以内の有効期間が必要です。",
                "A standing approval needs duration, uses, report, and a period of at most a year.",
            )
            .to_owned(),
        NotFilled::Text => lang
            .of(
                "文が空か、1,500文字を超えているか、使えない文字があります。",
                "A text is empty, longer than 1,500 characters, or holds control characters.",
            )
            .to_owned(),
    }
}

/// The label of a field, whichever form has it.
fn label(lang: Lang, key: &str) -> String {
    let mut fields = Form::ALL.into_iter().flat_map(|form| form.row().fields);
    fields
        .find(|field| field.key == key)
        .map_or_else(|| key.to_owned(), |field| lang.of(field.ja, field.en).to_owned())
}

/// What sets a standing approval off.
#[must_use]
pub fn trigger(lang: Lang, trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::MalwareSuspected => {
            lang.of("不正プログラムの実行が疑われる", "Malware is suspected to have run")
        }
        Trigger::TamperConfirmed => lang.of("改ざんが確認された", "Tampering was confirmed"),
        Trigger::FailureRepair => lang.of("障害の復旧に必要", "A failure has to be repaired"),
        Trigger::ProviderOutage => lang.of("クラウド等の提供者の停止", "The provider stopped"),
        Trigger::StandardChange => {
            lang.of("標準変更（定義ファイル・OSの更新など）", "Standard change (definitions, updates)")
        }
    }
}

/// Own or as a deputy.
#[must_use]
pub fn manner(lang: Lang, manner: Manner) -> &'static str {
    match manner {
        Manner::Own => lang.of("本人", "own"),
        Manner::Deputy => lang.of("代決", "as a deputy"),
    }
}

/// What somebody on the way thinks.
#[must_use]
pub fn opinion(lang: Lang, opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Agrees => lang.of("同意", "Agrees"),
        Opinion::Objects => lang.of("異議", "Objects"),
    }
}

/// What came of a consultation.
#[must_use]
pub fn outcome(lang: Lang, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Agreed => lang.of("協議が調った", "Agreed"),
        Outcome::Continues => lang.of("継続して協議する", "Goes on"),
        Outcome::Failed => lang.of("調わなかった", "Not agreed"),
    }
}

/// Which report.
#[must_use]
pub fn edition(lang: Lang, edition: Edition) -> &'static str {
    match edition {
        Edition::First => lang.of("報告", "Report"),
        Edition::Further => lang.of("続報", "Further report"),
        Edition::Final => lang.of("確報", "Final report"),
    }
}

/// A word of a closed set, as the ledger spells it.
#[must_use]
pub fn spelled<T: serde::Serialize>(word: &T) -> String {
    serde_json::to_value(word).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A word of a closed set, read back.
#[must_use]
pub fn read_word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// A size, in the unit people use.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} kB", bytes.div_ceil(1_024)),
        1_048_576..10_737_418_240 => format!("{} MB", bytes.div_ceil(1_048_576)),
        _ => format!("{} GB", bytes.div_ceil(1_073_741_824)),
    }
}
