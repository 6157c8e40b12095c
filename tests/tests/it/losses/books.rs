//! Double entry: what the sender says it sent, against what stands in the ledger.

use anyhow::Context;
use std::collections::BTreeMap;
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::HostId;

/// The kind of fact that carries the numbers.
const KIND: &str = "service.change";

/// What became of a number, as the sender knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was being put into the outbox when the sender was killed, or still is.
    Open,
    /// The outbox has taken it.
    Taken,
    /// The outbox has not taken it: it must be declared as lost.
    Refused,
}

/// What the sender says.
#[derive(Debug, Default)]
pub struct Sent {
    fates: BTreeMap<u64, Fate>,
    /// Facts that were offered once more.
    pub replayed: u64,
    /// Whether the sender said that the server has everything.
    pub drained: bool,
}

impl Sent {
    /// Takes a line of the sender in.
    pub fn line(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (word, mut numbers) = (words.next(), words.filter_map(|word| word.parse::<u64>().ok()));
        let fate = match word {
            Some("try") => Fate::Open,
            Some("taken") => Fate::Taken,
            Some("refused") => Fate::Refused,
            Some("replayed") => return self.replayed += numbers.next().unwrap_or_default(),
            Some("drained") => return self.drained = true,
            _ => return,
        };
        if let (Some(first), Some(count)) = (numbers.next(), numbers.next()) {
            self.fates.extend((first..first + count).map(|number| (number, fate)));
        }
    }

    /// The first number that was never used.
    pub fn next(&self) -> u64 {
        self.fates.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    fn count(&self, fate: Fate) -> u64 {
        self.fates.values().filter(|known| **known == fate).count() as u64
    }
}

/// What stands in the ledger about one host.
#[derive(Debug, Default)]
pub struct Stored {
    /// Entries that were read.
    pub entries: u64,
    seqs: BTreeMap<u64, u64>,
    numbers: BTreeMap<u64, u64>,
    lost: u64,
    gaps: Vec<(u64, u64)>,
}

impl Stored {
    /// Takes an entry in.
    pub fn entry(&mut self, host: &HostId, bytes: &[u8]) -> anyhow::Result<()> {
        self.entries += 1;
        let entry = Entry::from_bytes(bytes).context("an entry of the bundle")?;
        if let (Author::Agent(author), Some(seq)) = (&entry.author, entry.seq)
            && author == host
        {
            *self.seqs.entry(seq).or_default() += 1;
        }
        match &entry.body {
            Body::Fact(Fact::ServiceChange(change)) => {
                if let Some(number) = change.service.strip_prefix("load-") {
                    *self.numbers.entry(number.parse()?).or_default() += 1;
                }
            }
            Body::Fact(Fact::AgentLoss(loss)) => {
                self.lost += loss.kinds.get(KIND).copied().unwrap_or_default()
            }
            Body::Fact(Fact::AgentGap(gap)) => self.gaps.push((gap.from, gap.to)),
            _ => {}
        }
        Ok(())
    }
}

/// The balance after a run, over everything so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Numbers that were sent: taken, refused, or open with a trace in the ledger.
    pub sent: u64,
    /// Of them, in an entry.
    pub stored: u64,
    /// Of them, declared as lost.
    pub lost: u64,
    /// Numbers that were being put in when the sender was killed and left no trace: never sent.
    pub unborn: u64,
}

/// Compares both sides.
pub fn compare(sent: &Sent, stored: &Stored) -> (Balance, Vec<String>) {
    let mut wrong = Vec::new();
    let mut open_stored = 0;
    for (number, times) in &stored.numbers {
        match sent.fates.get(number) {
            Some(Fate::Taken) => {}
            Some(Fate::Open) => open_stored += 1,
            Some(Fate::Refused) => wrong.push(format!("{number} was refused and is stored")),
            None => wrong.push(format!("{number} was never sent and is stored")),
        }
        if *times != 1 {
            wrong.push(format!("{number} is stored {times} times"));
        }
    }
    for (number, fate) in &sent.fates {
        if *fate == Fate::Taken && !stored.numbers.contains_key(number) {
            wrong.push(format!("{number} was taken and is not stored"));
        }
    }
    let (taken, refused) = (sent.count(Fate::Taken), sent.count(Fate::Refused));
    let open_left = sent.count(Fate::Open) - open_stored;
    // Killed between counting a loss and saying so: declared, though the sender did not live to tell.
    let untold = stored.lost.saturating_sub(refused);
    if stored.lost < refused || untold > open_left {
        wrong.push(format!("{refused} were refused, {} are declared as lost", stored.lost));
    }
    wrong.extend(numbering(stored));
    let balance = Balance {
        sent: taken + refused + open_stored + untold,
        stored: stored.numbers.len() as u64,
        lost: stored.lost,
        unborn: open_left.saturating_sub(untold),
    };
    if balance.sent != balance.stored + balance.lost {
        wrong.push(format!("the books do not balance: {balance:?}"));
    }
    (balance, wrong)
}

/// Every number that the agent gave stands in the ledger once. Nothing here takes what was offered away from the
/// agent, so that a gap would be a loss that nobody caused.
fn numbering(stored: &Stored) -> Vec<String> {
    let mut wrong: Vec<String> =
        stored.gaps.iter().map(|(from, to)| format!("a gap from {from} to {to}")).collect();
    for (expected, (seq, times)) in (1..).zip(&stored.seqs) {
        if *seq != expected {
            wrong.push(format!("number {expected} of the agent is missing"));
            break;
        }
        if *times != 1 {
            wrong.push(format!("number {seq} of the agent is stored {times} times"));
        }
    }
    wrong
}
