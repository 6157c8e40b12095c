//! Keeps the time: tries what is due, asks whether a silence is the probe's own, and hands the facts on.

use crate::attempt::{attempt, knock};
use crate::look::look;
use crate::own::{self, Knock, Signs};
use crate::plan::{Attempt, Planner};
use crate::sights::Picture;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::Blindness;
use yakujo_contract::id::TargetId;
use yakujo_contract::target::{Endpoint, Means, Place, Reach, Target};

/// Tries at the same time.
const AT_ONCE: usize = 256;
/// Other places asked whether the network works.
const WITNESSES: usize = 4;
/// That the probe is cut off is believed for so long.
const CUT_LASTS: Duration = Duration::from_secs(3);
/// The wall clock may drift by so much before instants are counted anew from it.
const DRIFT: SignedDuration = SignedDuration::from_secs(1);

/// The wall clock, as the one who runs the probe has it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A result of a try.
struct Result {
    target: Target,
    begun: Timestamp,
    attempt: Attempt,
    /// The silence is the probe's own.
    cut: Option<Blindness>,
}

/// Probes until the end: `assigned` says what, `facts` takes what was seen. What nobody takes is lost.
pub async fn run(
    clock: Clock,
    mut assigned: watch::Receiver<Arc<Vec<Target>>>,
    facts: mpsc::Sender<Vec<Fact>>,
    mut ended: watch::Receiver<()>,
) {
    let mut planner = Planner::default();
    let mut anchor = Anchor::new(&clock);
    let network = Arc::new(Network::default());
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tries: JoinSet<Result> = JoinSet::new();
    let mut looks: JoinSet<Option<(Target, Timestamp, Picture)>> = JoinSet::new();
    let mut on_their_way: HashMap<tokio::task::Id, TargetId> = HashMap::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    assigned.mark_changed();
    loop {
        tokio::select! {
            _ = ended.changed() => break,
            changed = assigned.changed() => {
                if changed.is_err() { break }
                let targets = assigned.borrow_and_update().clone();
                network.know(&targets);
                planner.assign(&targets, anchor.now());
            }
            Some(done) = tries.join_next_with_id() => match done {
                Ok((id, result)) => {
                    on_their_way.remove(&id);
                    if let Some(target) = settle(&mut planner, result) {
                        looks.spawn(look_at(target, permits.clone(), anchor));
                    }
                }
                // It would never be due again otherwise.
                Err(error) => if let Some(target) = on_their_way.remove(&error.id()) {
                    tracing::error!("a try of {target} failed: {error}");
                    let failed = Attempt::Cannot("the try failed within the probe".to_owned());
                    planner.tried(&target, anchor.now(), failed);
                },
            },
            Some(done) = looks.join_next() => take_in(&mut planner, done),
            _ = ticks.tick() => {}
        }
        if anchor.has_drifted(&clock) {
            hand_on(&facts, planner.close()).await;
            anchor = Anchor::new(&clock);
        }
        let now = anchor.now();
        for target in planner.due(now) {
            let id = target.target.clone();
            let handle = tries.spawn(one(target, now, permits.clone(), network.clone(), anchor));
            on_their_way.insert(handle.id(), id);
        }
        hand_on(&facts, planner.facts(now)).await;
    }
    tries.abort_all();
    looks.abort_all();
    hand_on(&facts, planner.close()).await;
}

async fn hand_on(facts: &mpsc::Sender<Vec<Fact>>, told: Vec<Fact>) {
    if !told.is_empty() && facts.send(told).await.is_err() {
        tracing::warn!("what a probe saw is lost: nobody takes it any more");
    }
}

/// Takes a result in. Returns the target where it is time to look at what users rely on: after a try, so that a look holds
/// no try up.
fn settle(planner: &mut Planner, result: Result) -> Option<Target> {
    let Result { target, begun, attempt, cut } = result;
    // Changed or ended while the try was on its way: it says nothing about the new promise.
    if !planner.watches(&target) {
        return None;
    }
    if let Some(why) = cut {
        planner.was_blind(&target.target, begun, why);
        return None;
    }
    if attempt.was_answered() && !is_home(&target) {
        planner.sees();
    }
    // A port that refuses shows nobody anything.
    let answered = matches!(attempt, Attempt::Up(_) | Attempt::Restricted { .. });
    planner.tried(&target.target, begun, attempt);
    (answered && planner.is_look_due(&target.target, begun)).then_some(target)
}

/// Instants by the monotonic clock, so that a step of the wall clock makes no stop longer or shorter.
#[derive(Clone, Copy)]
struct Anchor {
    wall: Timestamp,
    at: Instant,
}

impl Anchor {
    fn new(clock: &Clock) -> Self {
        Self { wall: clock(), at: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.wall.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn has_drifted(&self, clock: &Clock) -> bool {
        clock().duration_since(self.now()).abs() > DRIFT
    }
}

async fn one(
    target: Target,
    due: Timestamp,
    permits: Arc<Semaphore>,
    network: Arc<Network>,
    anchor: Anchor,
) -> Result {
    // The semaphore is never closed; without a permit the try would only be one too many.
    let _permit = permits.acquire_owned().await;
    let begun = anchor.now().max(due);
    let from = Instant::now();
    let attempt = attempt(&target).await;
    if is_home(&target) || matches!(attempt, Attempt::Cannot(_)) {
        return Result { target, begun, attempt, cut: None };
    }
    if attempt.was_answered() {
        network.answered(&target);
        return Result { target, begun, attempt, cut: None };
    }
    let cut = network.is_cut(&target, from).await;
    Result { target, begun, attempt, cut }
}

fn take_in(
    planner: &mut Planner,
    done: std::result::Result<Option<(Target, Timestamp, Picture)>, tokio::task::JoinError>,
) {
    match done {
        // Changed or ended while the look was on its way: it says nothing about the new promise.
        Ok(Some((target, at, picture))) if planner.watches(&target) => {
            planner.saw(&target.target, at, picture)
        }
        Ok(Some(_) | None) => {}
        Err(error) => tracing::error!("a look at a target failed: {error}"),
    }
}

async fn look_at(
    target: Target,
    permits: Arc<Semaphore>,
    anchor: Anchor,
) -> Option<(Target, Timestamp, Picture)> {
    let _permit = permits.acquire_owned().await;
    let at = anchor.now();
    let picture = look(&target).await?;
    Some((target, at, picture))
}

/// A target on the probe's own machine says nothing about the network, and the network nothing about it.
fn is_home(target: &Target) -> bool {
    match target.endpoint().map(|endpoint| endpoint.host) {
        Ok(Place::Address(address)) => Reach::of(address) == Reach::OnlyAsAgreed,
        Ok(Place::Name(_)) | Err(_) => false,
    }
}

/// What is known of the probe's own network.
#[derive(Default)]
struct Network {
    known: std::sync::Mutex<Known>,
    /// One asks at a time; whoever waits finds the answer.
    asking: tokio::sync::Mutex<Option<(Instant, Blindness)>>,
}

#[derive(Default)]
struct Known {
    places: BTreeMap<String, (Means, Endpoint)>,
    answered: BTreeMap<String, Instant>,
}

fn place(endpoint: &Endpoint) -> String {
    match &endpoint.host {
        Place::Name(name) => name.clone(),
        Place::Address(address) => address.to_string(),
    }
}

impl Network {
    fn locked(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn know(&self, targets: &[Target]) {
        let away = targets.iter().filter(|target| !is_home(target));
        let places = away.filter_map(|target| {
            let endpoint = target.endpoint().ok()?;
            Some((place(&endpoint), (target.means, endpoint)))
        });
        let mut known = self.locked();
        known.places = places.collect();
        known.answered.clear();
    }

    fn answered(&self, target: &Target) {
        if let Ok(endpoint) = target.endpoint() {
            self.locked().answered.insert(place(&endpoint), Instant::now());
        }
    }

    /// Whether the silence of a target since an instant is the probe's own.
    async fn is_cut(&self, target: &Target, since: Instant) -> Option<Blindness> {
        let own = target.endpoint().map(|endpoint| place(&endpoint)).unwrap_or_default();
        if self.somebody_answered(&own, since) {
            return None;
        }
        let mut asking = self.asking.lock().await;
        if self.somebody_answered(&own, since) {
            return None;
        }
        if let Some((at, why)) = *asking
            && at.elapsed() < CUT_LASTS
        {
            return Some(why);
        }
        let signs = self.signs(target, &own).await;
        let cut = own::cut(&signs);
        *asking = cut.map(|why| (Instant::now(), why));
        cut
    }

    fn somebody_answered(&self, own: &str, since: Instant) -> bool {
        self.locked().answered.iter().any(|(place, at)| place != own && *at >= since)
    }

    async fn signs(&self, target: &Target, own: &str) -> Signs {
        let witnesses: Vec<(String, (Means, Endpoint))> = {
            let known = self.locked();
            let mut places: Vec<_> = known.places.iter().filter(|(place, _)| *place != own).collect();
            // Whoever answered last is asked first.
            places.sort_by_key(|(place, _)| std::cmp::Reverse(known.answered.get(*place).copied()));
            places.into_iter().take(WITNESSES).map(|(place, way)| (place.clone(), way.clone())).collect()
        };
        let reference = target.reference.as_ref().and_then(|text| Endpoint::parse(Means::Tcp, text).ok());
        let mut knocks = JoinSet::new();
        for (place, (means, endpoint)) in witnesses {
            knocks.spawn(async move { (Some(place), knock(means, &endpoint).await) });
        }
        if let Some(endpoint) = reference {
            knocks.spawn(async move { (None, knock(Means::Tcp, &endpoint).await) });
        }
        let mut signs = Signs { way_out: own::has_way_out(), ..Signs::default() };
        while let Some(done) = knocks.join_next().await {
            match done {
                Ok((None, knock)) => {
                    if let (Knock::Answered, Some(reference)) = (knock, &target.reference) {
                        self.locked().answered.insert(reference.clone(), Instant::now());
                    }
                    signs.reference = Some(knock);
                }
                Ok((Some(place), knock)) => {
                    if knock == Knock::Answered {
                        self.locked().answered.insert(place, Instant::now());
                    }
                    signs.others.push(knock);
                }
                Err(error) => tracing::warn!("asking whether the network works failed: {error}"),
            }
        }
        signs
    }
}
