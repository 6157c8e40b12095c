//! What a step of a request says, as names and values: in the history, and once more before it is recorded.

use super::block::{self, Cell};
use super::request_show::{self, Names};
use super::request_words;
use super::visit::Visit;
use jiff::Timestamp;
use yakujo_contract::id::PostId;
use yakujo_contract::request::{Manner, Scope, Step, Window};

type Row = (String, Cell);

struct Rows<'a> {
    visit: &'a Visit,
    names: &'a Names,
}

/// The rows of a step.
#[must_use]
pub fn details(visit: &Visit, names: &Names, step: &Step) -> Vec<Row> {
    Rows { visit, names }.of(step)
}

impl Rows<'_> {
    fn row(&self, ja: &str, en: &str, cell: Cell) -> Row {
        (self.visit.of(ja, en).to_owned(), cell)
    }

    fn seat(&self, post: &PostId, manner: Manner) -> Row {
        let post = request_show::post(self.visit, post);
        let text = format!("{post}（{}）", request_words::manner(self.visit.lang, manner));
        self.row("職", "Post", Cell::text(text))
    }

    fn text(&self, ja: &str, en: &str, text: &str) -> Vec<Row> {
        if text.is_empty() { Vec::new() } else { vec![self.row(ja, en, Cell::text(text))] }
    }

    fn moment(&self, ja: &str, en: &str, at: Timestamp) -> Row {
        self.row(ja, en, request_show::moment(self.visit.lang, at))
    }

    fn of(&self, step: &Step) -> Vec<Row> {
        match step {
            Step::Received | Step::Resubmitted { .. } => Vec::new(),
            Step::Returned { reason } | Step::Withdrawn { reason } => self.text("理由", "Reason", reason),
            Step::Refused { post, manner, reason } | Step::Revoked { post, manner, reason } => {
                vec![self.seat(post, *manner), self.row("理由", "Reason", Cell::text(reason.as_str()))]
            }
            Step::Countersigned { post } => {
                vec![self.row("職", "Post", Cell::text(request_show::post(self.visit, post)))]
            }
            Step::Approved { post, manner, conditions, window, scope } => {
                self.approved(self.seat(post, *manner), conditions, window.as_ref(), scope.as_ref())
            }
            Step::Reported { edition, of_use, .. } => {
                let edition = request_words::edition(self.visit.lang, *edition);
                let mut rows = vec![self.row("区分", "Edition", Cell::text(edition))];
                rows.extend(of_use.iter().map(|number| self.row("発動の回", "Use", Cell::number(*number))));
                rows
            }
            Step::Confirmed { remark } => self.text("付言", "Remark", remark),
            Step::Consulted { .. }
            | Step::Signed { .. }
            | Step::Consented { .. }
            | Step::Invoked { .. }
            | Step::Done { .. } => self.told(step),
        }
    }

    fn approved(
        &self,
        seat: Row,
        conditions: &[String],
        window: Option<&Window>,
        scope: Option<&Scope>,
    ) -> Vec<Row> {
        let mut rows = vec![seat];
        let condition = |text: &String| self.row("条件", "Condition", Cell::text(text.as_str()));
        rows.extend(conditions.iter().map(condition));
        rows.extend(window.map(|it| {
            self.row("承認する期間", "Approved period", request_show::window(self.visit.lang, it))
        }));
        rows.extend(scope.into_iter().flat_map(|scope| request_show::scope(self.visit, scope)));
        rows
    }

    /// Steps that tell what happened elsewhere.
    fn told(&self, step: &Step) -> Vec<Row> {
        let lang = self.visit.lang;
        let plain = |ja, en, text: &str| self.row(ja, en, Cell::text(text));
        match step {
            Step::Consulted { at, outcome, record } => vec![
                self.moment("協議した日時", "Talked at", *at),
                plain("結果", "Outcome", request_words::outcome(lang, *outcome)),
                plain("内容", "What was said", record),
            ],
            Step::Signed { post, manner, opinion, remark } => {
                let opinion = plain("意見", "Opinion", request_words::opinion(lang, *opinion));
                let mut rows = vec![self.seat(post, *manner), opinion];
                rows.extend(self.text("付言", "Remark", remark));
                rows
            }
            Step::Consented { at, post, who, read_back } => vec![
                self.moment("了承を得た日時", "Consented at", *at),
                plain("了承した職", "Post", &request_show::post(self.visit, post)),
                plain("電話の相手", "On the telephone", &self.names.withheld(lang, who)),
                plain("復唱", "Read back", read_back),
            ],
            Step::Invoked { at, scope, reason, because } => {
                let mut rows = vec![self.moment("発動した日時", "From", *at), plain("理由", "Why", reason)];
                rows.extend(request_show::scope(self.visit, scope));
                let base = self.visit.base();
                rows.extend(
                    because
                        .iter()
                        .map(|it| self.row("きっかけ", "Set off by", block::entries(&base, &[*it]))),
                );
                rows
            }
            Step::Done { from, to, result } => vec![
                self.moment("開始", "Began", *from),
                self.moment("終了", "Ended", *to),
                plain("結果", "Result", result),
            ],
            // Only steps that tell something come here.
            _ => Vec::new(),
        }
    }
}
