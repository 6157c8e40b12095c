//! The one state machine of requests: asked → received → consulted → approved, approved with conditions, refused, returned,
//! withdrawn, revoked → done → reported → confirmed.
//!
//! Pure: a step is allowed or not by what came before it, by who takes it, and by which posts were occupied on that day.
//! A step that is not allowed stays on record and changes nothing, so entries in any arrival order lead to one state.

pub use super::progress::{By, Consent, Decided, Progress, Report, Rules, State, Use, WhyNot};

use super::form::{Ask, Form, Part, Path};
use super::{
    Edition, FieldValue, Filled, Manner, NotFilled, Opinion, Outcome, Scope, Step, Window, check_fields,
};
use crate::act::Route;
use crate::entry::Party;
use crate::evidence::latest::Stamp;
use crate::id::{EntryNumber, HostId, PostId};
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Progress {
    /// A request that was just asked.
    ///
    /// # Errors
    /// When the form is not filled in, or it is not for this party to begin it.
    pub fn begin(by: By, stamp: Stamp, filled: Filled) -> Result<Self, WhyNot> {
        let begins = match filled.form.row().path {
            Path::Approval | Path::Consultation | Path::Report => Party::Contractor,
            Path::Delivery => Party::City,
        };
        if by.party != begins {
            return Err(WhyNot::OtherParty);
        }
        filled.check()?;
        Ok(Self {
            state: State::Asked,
            since: stamp,
            asked: stamp,
            handed_in: stamp,
            by,
            filled,
            version: 1,
            received: None,
            consulted: None,
            signed: BTreeMap::new(),
            approved: None,
            revoked: None,
            consent: None,
            uses: Vec::new(),
            done: None,
            reports: Vec::new(),
        })
    }

    /// The form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.filled.form
    }

    /// Whether it is a report of malware (F-05).
    #[must_use]
    pub fn reports_malware(&self) -> bool {
        let class = self.filled.fields.get("class");
        self.form() == Form::F05
            && class.is_some_and(|class| *class == FieldValue::Clear("malware".to_owned()))
    }

    /// Whether it reports the malware of the detection `entry`, seen at `observed`: it names it, or names none and came after
    /// it (2.1.d).
    #[must_use]
    pub fn reports_detection(&self, entry: EntryNumber, observed: Timestamp) -> bool {
        let about = self.filled.about;
        self.reports_malware() && about.map_or(self.asked.received >= observed, |about| about == entry)
    }

    fn path(&self) -> Path {
        self.form().row().path
    }

    /// The window in force: the approved one, else the one asked for.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        let narrowed = self.approved.as_ref().and_then(|decided| decided.window);
        narrowed.or(self.filled.window)
    }

    /// The scope in force: the approved one, else the one asked for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        let narrowed = self.approved.as_ref().and_then(|decided| decided.scope.as_ref());
        narrowed.unwrap_or(&self.filled.scope)
    }

    /// Whose turn it is; nobody's when it is over, or approved and not yet to be done.
    #[must_use]
    pub fn turn(&self) -> Option<Party> {
        let other = match self.by.party {
            Party::City => Party::Contractor,
            Party::Contractor | Party::Auditor => Party::City,
        };
        match self.state {
            State::Consulted if self.settled_by_talk().is_some() => Some(self.by.party),
            // A report that was given back is to be made again.
            State::Received if self.path() == Path::Report && !self.reports.is_empty() => Some(self.by.party),
            State::Asked | State::Received | State::Consulted => Some(other),
            State::Returned => Some(self.by.party),
            State::Approved | State::Done => Some(Party::Contractor),
            State::Reported => Some(Party::City),
            State::Refused | State::Withdrawn | State::Revoked | State::Confirmed => None,
        }
    }

    /// Whether something is still to be done about it though it is over: a use without its report, an incident without its
    /// last report, a delivery that was not made, a deputy's decision nobody looked at afterwards.
    #[must_use]
    pub fn owes(&self) -> bool {
        let unreported = self.uses.iter().any(|used| used.reported.is_none());
        let last = || self.reports.iter().any(|report| report.edition == Edition::Final);
        let undelivered =
            self.path() == Path::Delivery && self.reports.is_empty() && self.state != State::Withdrawn;
        let deputy = self.approved.as_ref().is_some_and(|decided| decided.manner == Manner::Deputy);
        let unseen = deputy && self.approved.iter().any(|decided| decided.countersigned.is_none());
        unreported || undelivered || unseen || (self.form() == Form::F05 && !last())
    }

    /// When a talk was recorded that is enough: both agreed, on a form that asks for a talk and no more.
    #[must_use]
    pub fn settled_by_talk(&self) -> Option<Stamp> {
        let enough = self.path() == Path::Consultation
            && !matches!(self.state, State::Refused | State::Returned | State::Withdrawn | State::Revoked);
        let (stamp, outcome) = self.consulted?;
        (enough && outcome == Outcome::Agreed).then_some(stamp)
    }

    /// When a talk allowed it, also where that was taken back later.
    #[must_use]
    pub fn allowed_by_talk(&self) -> Option<Stamp> {
        let (stamp, outcome) = self.consulted?;
        let stands = self.revoked.is_some() || self.settled_by_talk().is_some();
        (self.path() == Path::Consultation && outcome == Outcome::Agreed && stands).then_some(stamp)
    }

    /// Takes a step, or says why not.
    ///
    /// # Errors
    /// The [`WhyNot`]; nothing has changed then.
    pub fn follow(&mut self, rules: Rules<'_>, by: &By, stamp: Stamp, step: &Step) -> Result<(), WhyNot> {
        match step {
            Step::Received => self.receive(by, stamp),
            Step::Consulted { at, outcome, .. } => self.consult(rules, by, stamp, (*at, *outcome)),
            Step::Signed { post, manner, opinion, .. } => {
                self.sign(rules, by, stamp, (post, *manner), *opinion)
            }
            Step::Approved { post, manner, conditions, window, scope } => {
                let decided = Decided {
                    stamp,
                    by: by.person.clone(),
                    post: post.clone(),
                    manner: *manner,
                    conditions: conditions.clone(),
                    window: *window,
                    scope: scope.clone(),
                    countersigned: None,
                };
                self.approve(rules, by, decided)
            }
            Step::Refused { post, manner, .. } => {
                self.only_undecided()?;
                self.may_decide(rules, by, stamp, (post, *manner))?;
                self.enter(State::Refused, stamp);
                Ok(())
            }
            Step::Returned { .. } => self.give_back(by, stamp),
            Step::Resubmitted { filled } => self.resubmit(by, stamp, filled),
            Step::Withdrawn { .. } => self.withdraw(by, stamp),
            Step::Revoked { post, manner, .. } => self.revoke(rules, by, stamp, (post, *manner)),
            Step::Countersigned { post } => self.countersign(rules, by, stamp, post),
            Step::Consented { at, post, .. } => self.consent(rules, by, stamp, (*at, post)),
            Step::Invoked { at, scope, because, .. } => {
                let new = Use { stamp, at: *at, scope: scope.clone(), because: *because, reported: None };
                self.invoke(by, new)
            }
            Step::Done { from, to, .. } => self.finish(by, stamp, *from, *to),
            Step::Reported { edition, fields, attachments, of_use } => {
                let report = Report {
                    stamp,
                    edition: *edition,
                    fields: fields.clone(),
                    attachments: attachments.clone(),
                };
                self.report(by, report, *of_use)
            }
            Step::Confirmed { .. } => self.confirm(by, stamp),
        }
    }

    fn enter(&mut self, state: State, stamp: Stamp) {
        (self.state, self.since) = (state, stamp);
    }

    fn only(&self, by: &By, party: Party) -> Result<(), WhyNot> {
        if by.party == party { Ok(()) } else { Err(WhyNot::OtherParty) }
    }

    fn only_other(&self, by: &By) -> Result<(), WhyNot> {
        if by.party != self.by.party && by.party != Party::Auditor { Ok(()) } else { Err(WhyNot::OtherParty) }
    }

    fn only_in(&self, states: &[State]) -> Result<(), WhyNot> {
        if states.contains(&self.state) { Ok(()) } else { Err(WhyNot::NotNow(self.state)) }
    }

    /// What was settled in a talk stands until the city takes it back: nothing that was allowed becomes forbidden afterwards.
    fn only_undecided(&self) -> Result<(), WhyNot> {
        self.only_in(&[State::Asked, State::Received, State::Consulted])?;
        if self.settled_by_talk().is_some() { Err(WhyNot::NotNow(self.state)) } else { Ok(()) }
    }

    fn only_on(&self, paths: &[Path]) -> Result<(), WhyNot> {
        if paths.contains(&self.path()) { Ok(()) } else { Err(WhyNot::NotThisForm) }
    }

    fn receive(&mut self, by: &By, stamp: Stamp) -> Result<(), WhyNot> {
        self.only_other(by)?;
        self.only_in(&[State::Asked])?;
        self.received = self.received.or(Some(stamp));
        self.enter(State::Received, stamp);
        Ok(())
    }

    fn consult(
        &mut self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        (at, outcome): (Timestamp, Outcome),
    ) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        // A talk with oneself is none.
        if rules.offices.same_human(&by.person, &self.by.person) {
            return Err(WhyNot::OwnRequest);
        }
        self.only_on(&[Path::Approval, Path::Consultation, Path::Report])?;
        self.only_undecided()?;
        if at > stamp.received {
            return Err(WhyNot::Instant);
        }
        if outcome == Outcome::Agreed && self.path() != Path::Approval {
            self.may_settle(rules, by, stamp)?;
        }
        self.received = self.received.or(Some(stamp));
        self.consulted = Some((stamp, outcome));
        self.enter(State::Consulted, stamp);
        Ok(())
    }

    /// A settled talk allows what an approval allows, so it is the word of the same post: that of the route, else any post of
    /// the city. Who stands in decides (代決), and his decision is looked at afterwards; a report has no decision, there he
    /// talks for the post.
    fn may_settle(&self, rules: Rules<'_>, by: &By, stamp: Stamp) -> Result<(), WhyNot> {
        let route = self.way(rules, stamp);
        let talks = |manner| manner == Manner::Own || self.path() == Path::Report;
        let seats = rules.offices.seats_of(&by.person, stamp.received);
        let decides = |post: &PostId| route.is_none_or(|route| route.decides == *post);
        if !seats.iter().any(|(post, manner)| talks(*manner) && decides(post)) {
            return Err(WhyNot::NotSettledBy);
        }
        route.map_or(Ok(()), |route| self.all_agree(route.before.iter().chain(&route.concur)))
    }

    fn sign(
        &mut self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        seat: (&PostId, Manner),
        opinion: Opinion,
    ) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        self.only_in(&[State::Asked, State::Received, State::Consulted])?;
        self.only_seated(rules, by, stamp, seat)?;
        let route = self.way(rules, stamp).ok_or(WhyNot::NotThisForm)?;
        if let Some(place) = route.before.iter().position(|post| post == seat.0) {
            let earlier = route.before.iter().take(place);
            self.all_agree(earlier)?;
        } else if !route.concur.contains(seat.0) {
            return Err(WhyNot::OtherPost(route.decides.clone()));
        }
        self.received = self.received.or(Some(stamp));
        self.signed.insert(seat.0.clone(), (stamp, opinion));
        Ok(())
    }

    fn way<'a>(&self, rules: Rules<'a>, stamp: Stamp) -> Option<&'a Route> {
        rules.offices.way(self.form(), rules.importance, stamp.received)
    }

    fn all_agree<'a>(&self, mut posts: impl Iterator<Item = &'a PostId>) -> Result<(), WhyNot> {
        let agrees = |post: &PostId| matches!(self.signed.get(post), Some((_, Opinion::Agrees)));
        posts.find(|post| !agrees(post)).map_or(Ok(()), |post| Err(WhyNot::Unsigned(post.clone())))
    }

    /// The person sits on the post on that day, and is not the one who asked.
    fn only_seated(
        &self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        (post, manner): (&PostId, Manner),
    ) -> Result<(), WhyNot> {
        if rules.offices.same_human(&by.person, &self.by.person) {
            return Err(WhyNot::OwnRequest);
        }
        let seated = match manner {
            Manner::Own => rules.offices.holds(&by.person, post, stamp.received),
            Manner::Deputy => rules.offices.stands_in(&by.person, post, stamp.received),
        };
        if seated { Ok(()) } else { Err(WhyNot::NoPost) }
    }

    fn may_decide(
        &self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        seat: (&PostId, Manner),
    ) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        self.only_on(&[Path::Approval, Path::Consultation])?;
        self.only_in(&[State::Asked, State::Received, State::Consulted])?;
        self.only_seated(rules, by, stamp, seat)?;
        match self.way(rules, stamp) {
            Some(route) if route.decides != *seat.0 => Err(WhyNot::OtherPost(route.decides.clone())),
            Some(_) | None => Ok(()),
        }
    }

    fn approve(&mut self, rules: Rules<'_>, by: &By, decided: Decided) -> Result<(), WhyNot> {
        let stamp = decided.stamp;
        self.may_decide(rules, by, stamp, (&decided.post, decided.manner))?;
        if let Some(route) = self.way(rules, stamp) {
            self.all_agree(route.before.iter().chain(&route.concur))?;
        }
        let window_fits = match (&decided.window, &self.filled.window) {
            (Some(narrower), Some(asked)) => asked.contains(narrower) && narrower.from < narrower.to,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let scope_fits = decided
            .scope
            .as_ref()
            .is_none_or(|narrower| self.filled.scope.contains(narrower) && !narrower.systems.is_empty());
        if !window_fits || !scope_fits {
            return Err(WhyNot::Wider);
        }
        self.received = self.received.or(Some(stamp));
        self.approved = Some(decided);
        self.enter(State::Approved, stamp);
        Ok(())
    }

    /// Before a decision: to be mended. After a report: to be reported again.
    fn give_back(&mut self, by: &By, stamp: Stamp) -> Result<(), WhyNot> {
        if self.state == State::Reported {
            self.only(by, Party::City)?;
            let before = if self.done.is_some() { State::Done } else { State::Received };
            self.enter(before, stamp);
            return Ok(());
        }
        self.only_other(by)?;
        self.only_undecided()?;
        self.received = self.received.or(Some(stamp));
        self.enter(State::Returned, stamp);
        Ok(())
    }

    fn resubmit(&mut self, by: &By, stamp: Stamp, filled: &Filled) -> Result<(), WhyNot> {
        self.only(by, self.by.party)?;
        self.only_in(&[State::Returned])?;
        if filled.form != self.form() {
            return Err(WhyNot::NotThisForm);
        }
        filled.check()?;
        self.filled = filled.clone();
        self.by = by.clone();
        self.version = self.version.saturating_add(1);
        self.handed_in = stamp;
        self.signed.clear();
        self.consulted = None;
        // What was said on the telephone was said of the version before.
        self.consent = None;
        self.enter(State::Asked, stamp);
        Ok(())
    }

    fn withdraw(&mut self, by: &By, stamp: Stamp) -> Result<(), WhyNot> {
        self.only(by, self.by.party)?;
        self.only_in(&[State::Asked, State::Received, State::Consulted, State::Returned, State::Approved])?;
        self.revoked = (self.approved.is_some() || self.settled_by_talk().is_some()).then_some(stamp);
        self.enter(State::Withdrawn, stamp);
        Ok(())
    }

    fn revoke(
        &mut self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        seat: (&PostId, Manner),
    ) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        if self.settled_by_talk().is_none() {
            self.only_in(&[State::Approved])?;
        }
        self.only_seated(rules, by, stamp, seat)?;
        // Whoever decided, or would decide today, takes it back; where that post is vacant, any other of the city.
        let decided = self.approved.iter().map(|decided| &decided.post);
        let mut decides = decided.chain(self.way(rules, stamp).map(|route| &route.decides));
        let may = |post: &PostId| post == seat.0 || !rules.offices.is_occupied(post, stamp.received);
        if let Some(first) = decides.clone().next()
            && !decides.any(may)
        {
            return Err(WhyNot::OtherPost(first.clone()));
        }
        self.revoked = Some(stamp);
        self.enter(State::Revoked, stamp);
        Ok(())
    }

    fn countersign(&mut self, rules: Rules<'_>, by: &By, stamp: Stamp, post: &PostId) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        self.only_seated(rules, by, stamp, (post, Manner::Own))?;
        let state = self.state;
        let Some(decided) = &mut self.approved else { return Err(WhyNot::NotNow(state)) };
        let waits = decided.manner == Manner::Deputy && decided.countersigned.is_none();
        if decided.post != *post {
            return Err(WhyNot::OtherPost(decided.post.clone()));
        }
        // Whoever stood in does not look at his own decision later.
        if !waits || rules.offices.same_human(&decided.by, &by.person) {
            return Err(WhyNot::NotNow(state));
        }
        decided.countersigned = Some(stamp);
        Ok(())
    }

    fn consent(
        &mut self,
        rules: Rules<'_>,
        by: &By,
        stamp: Stamp,
        (at, post): (Timestamp, &PostId),
    ) -> Result<(), WhyNot> {
        self.only(by, Party::Contractor)?;
        self.only_on(&[Path::Approval, Path::Consultation])?;
        self.only_in(&[State::Asked, State::Received, State::Consulted])?;
        if at > stamp.received {
            return Err(WhyNot::Instant);
        }
        if !rules.offices.is_occupied(post, at) {
            return Err(WhyNot::Vacant(post.clone()));
        }
        self.consent = Some(Consent { stamp, at, post: post.clone() });
        Ok(())
    }

    fn invoke(&mut self, by: &By, new: Use) -> Result<(), WhyNot> {
        self.only(by, Party::Contractor)?;
        if self.form() != Form::F26 {
            return Err(WhyNot::NotThisForm);
        }
        self.only_in(&[State::Approved])?;
        if new.at > new.stamp.received {
            return Err(WhyNot::Instant);
        }
        if !self.scope().contains(&new.scope) || new.scope.systems.is_empty() {
            return Err(WhyNot::Wider);
        }
        self.uses.push(new);
        Ok(())
    }

    /// An agent used the standing approval by itself. What goes beyond it is no use of it.
    pub(crate) fn used_by_an_agent(&mut self, stamp: Stamp, host: &HostId) {
        let mut scope = self.scope().clone();
        scope.hosts = [host.clone()].into();
        let approved = self.form() == Form::F26 && self.state == State::Approved;
        if approved && self.scope().contains(&scope) {
            self.uses.push(Use { stamp, at: stamp.observed, scope, because: None, reported: None });
        }
    }

    fn finish(&mut self, by: &By, stamp: Stamp, from: Timestamp, to: Timestamp) -> Result<(), WhyNot> {
        self.only(by, Party::Contractor)?;
        self.only_on(&[Path::Approval, Path::Consultation])?;
        let talked = self.state == State::Consulted && self.settled_by_talk().is_some();
        if !talked {
            self.only_in(&[State::Approved])?;
        }
        if self.form() == Form::F26 {
            return Err(WhyNot::NotThisForm);
        }
        if from > to || to > stamp.received {
            return Err(WhyNot::Instant);
        }
        self.done = Some((stamp, from, to));
        self.enter(State::Done, stamp);
        Ok(())
    }

    fn report(&mut self, by: &By, report: Report, of_use: Option<u32>) -> Result<(), WhyNot> {
        self.only(by, Party::Contractor)?;
        let stamp = report.stamp;
        if let Some(number) = of_use {
            return self.report_use(report, number);
        }
        match self.path() {
            // Whatever ended a permit for real data: they are erased, and that is reported.
            Path::Approval
                if self.form() == Form::F15 && self.approved.is_some() && self.revoked.is_some() => {}
            Path::Approval | Path::Consultation => self.only_in(&[State::Done, State::Reported])?,
            Path::Report => self.only_in(&[
                State::Asked,
                State::Received,
                State::Consulted,
                State::Reported,
                State::Confirmed,
            ])?,
            Path::Delivery => self.only_in(&[State::Asked, State::Received, State::Reported])?,
        }
        // A final report has every field; a further one brings what is known.
        let whole = report.edition != Edition::Further;
        check_report(self.form(), &report.fields, if whole { Ask::Must } else { Ask::May })?;
        self.reports.push(report);
        self.enter(State::Reported, stamp);
        Ok(())
    }

    fn report_use(&mut self, report: Report, number: u32) -> Result<(), WhyNot> {
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let used = place.and_then(|place| self.uses.get_mut(place)).ok_or(WhyNot::NoSuchUse)?;
        if used.reported.is_some() {
            return Err(WhyNot::NoSuchUse);
        }
        used.reported = Some(report.stamp);
        self.reports.push(report);
        Ok(())
    }

    fn confirm(&mut self, by: &By, stamp: Stamp) -> Result<(), WhyNot> {
        self.only(by, Party::City)?;
        match self.path() {
            Path::Report => {
                self.only_in(&[State::Asked, State::Received, State::Consulted, State::Reported])?
            }
            Path::Approval | Path::Consultation | Path::Delivery => self.only_in(&[State::Reported])?,
        }
        self.received = self.received.or(Some(stamp));
        self.enter(State::Confirmed, stamp);
        Ok(())
    }
}

fn check_report(form: Form, fields: &BTreeMap<String, FieldValue>, need: Ask) -> Result<(), NotFilled> {
    match check_fields(form, Part::Result, fields) {
        Err(NotFilled::Missing(_)) if need != Ask::Must => Ok(()),
        other => other,
    }
}
