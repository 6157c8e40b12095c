//! Lists that are compared with what they were, across restarts of the agent: accounts, listeners, jobs, parameters …

use crate::outbox::Note;
use crate::reading::{Items, in_parts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yakujo_contract::change::Object;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::state::{Content, Item, ItemChange, Seen, StateChange, StateSet};

/// Under these keys the outbox keeps what outlives a run: `state:OBJECT:NAME` and `stated:OBJECT`.
pub const ITEM_KEY: &str = "state:";
/// See [`ITEM_KEY`].
pub const LIST_KEY: &str = "stated:";
/// More items of one kind are not compared.
const MOST_ITEMS: usize = 50_000;

/// Whether the whole list is told as `state.set`, or has a kind of fact of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// As `state.set`.
    Whole,
    /// Elsewhere.
    Elsewhere,
    /// As `state.set`; what differs is told of the files the items are, with what explains it.
    WholeWithFiles,
}

/// What all lists were.
#[derive(Debug, Default)]
pub struct States {
    lists: BTreeMap<Object, List>,
    notes: Vec<Note>,
}

#[derive(Debug)]
struct List {
    items: BTreeMap<String, Content>,
    /// Why it was not complete; empty when it was.
    reason: String,
    looked: Timestamp,
    seen: Seen,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    reason: String,
    looked: Timestamp,
}

impl States {
    /// What an earlier run knew.
    #[must_use]
    pub fn from(items: &[(String, String)], lists: &[(String, String)]) -> Self {
        let mut states = Self::default();
        let object = |word: &str| Object::ALL.into_iter().find(|object| object.word() == word);
        for (word, text) in lists {
            if let (Some(object), Ok(kept)) = (object(word), serde_json::from_str::<Kept>(text)) {
                let Kept { reason, looked } = kept;
                let list = List { items: BTreeMap::new(), reason, looked, seen: Seen::WhileAway };
                states.lists.insert(object, list);
            }
        }
        for (key, text) in items {
            let Some((word, name)) = key.split_once(':') else { continue };
            let list = object(word).and_then(|object| states.lists.get_mut(&object));
            if let (Some(list), Ok(content)) = (list, serde_json::from_str(text)) {
                list.items.insert(name.to_owned(), content);
            }
        }
        states
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        for (object, list) in &self.lists {
            let kept = Kept { reason: list.reason.clone(), looked: list.looked };
            notes.push((format!("{LIST_KEY}{}", object.word()), serde_json::to_string(&kept).ok()));
        }
        notes
    }

    /// Compares a list with what it was. The first list of all is where comparing begins.
    pub fn compare(&mut self, mut now_there: Items, listing: Listing, now: Timestamp) -> Vec<Fact> {
        if now_there.items.len() > MOST_ITEMS {
            let more = now_there.items.len().saturating_sub(MOST_ITEMS);
            now_there.coverage.skipped = u32::try_from(more).unwrap_or(u32::MAX);
            now_there.coverage.reason = format!("more than {MOST_ITEMS} items");
            now_there.items = std::mem::take(&mut now_there.items).into_iter().take(MOST_ITEMS).collect();
        }
        let before = self.lists.remove(&now_there.object);
        let (facts, is_news) = match &before {
            None => (Vec::new(), true),
            Some(before) => self.differences(before, &now_there, now),
        };
        let first_of_run = before.as_ref().is_none_or(|before| before.seen == Seen::WhileAway);
        self.note(before.as_ref(), &now_there);
        let is_told_whole = first_of_run || is_news;
        let mut facts = match listing {
            Listing::Whole | Listing::Elsewhere => facts,
            Listing::WholeWithFiles => Vec::new(),
        };
        match listing {
            Listing::Whole | Listing::WholeWithFiles if is_told_whole => facts.extend(whole(&now_there)),
            Listing::Whole | Listing::WholeWithFiles | Listing::Elsewhere => {}
        }
        let Items { object, items, coverage } = now_there;
        self.lists.insert(object, List { items, reason: coverage.reason, looked: now, seen: Seen::Running });
        facts
    }

    fn differences(&self, before: &List, after: &Items, now: Timestamp) -> (Vec<Fact>, bool) {
        let mut items: Vec<ItemChange> = Vec::new();
        let other_coverage = before.reason != after.coverage.reason;
        for (name, content) in &after.items {
            let was = before.items.get(name);
            // What is only seen since more can be read is not new.
            let is_told =
                if other_coverage { was.is_some_and(|was| was != content) } else { was != Some(content) };
            if is_told {
                let (name, after) = (name.clone(), Some(content.clone()));
                items.push(ItemChange { name, before: was.cloned(), after });
            }
        }
        if !other_coverage {
            let gone = before.items.iter().filter(|(name, _)| !after.items.contains_key(*name));
            items.extend(gone.map(|(name, content)| ItemChange {
                name: name.clone(),
                before: Some(content.clone()),
                after: None,
            }));
        }
        let told = |object, items: &[ItemChange]| -> Vec<Fact> {
            let fact = |(part, items)| {
                let (since, seen) = (Some(before.looked), before.seen);
                Fact::StateChange(StateChange { part, object, since, until: now, seen, items })
            };
            in_parts(items).into_iter().map(fact).collect()
        };
        let mut facts = Vec::new();
        if !items.is_empty() {
            items.sort_by(|a, b| a.name.cmp(&b.name));
            facts.extend(told(after.object, &items));
        }
        if other_coverage {
            // Nobody can say whether what is missing now is gone, or what appears now is new.
            let name = after.object.word().to_owned();
            let reason = |text: &str| Some(Content { value: Some(text.to_owned()), ..Content::default() });
            let (was, is) = (reason(&before.reason), reason(&after.coverage.reason));
            facts.extend(told(Object::Baseline, &[ItemChange { name, before: was, after: is }]));
        }
        let is_news = !facts.is_empty();
        (facts, is_news)
    }

    fn note(&mut self, before: Option<&List>, after: &Items) {
        let empty = BTreeMap::new();
        let was = before.map_or(&empty, |before| &before.items);
        let key = |name: &str| format!("{ITEM_KEY}{}:{name}", after.object.word());
        for (name, content) in after.items.iter().filter(|(name, content)| was.get(*name) != Some(*content)) {
            self.notes.push((key(name), serde_json::to_string(content).ok()));
        }
        for name in was.keys().filter(|name| !after.items.contains_key(*name)) {
            self.notes.push((key(name), None));
        }
    }
}

fn whole(list: &Items) -> Vec<Fact> {
    let items: Vec<Item> = list
        .items
        .iter()
        .map(|(name, content)| Item { name: name.clone(), content: content.clone() })
        .collect();
    let fact = |(part, items)| {
        Fact::StateSet(StateSet { part, object: list.object, items, coverage: list.coverage.clone() })
    };
    in_parts(&items).into_iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::open_content;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn list(texts: &[(&str, &str)]) -> Items {
        let items = texts.iter().map(|(name, text)| ((*name).to_owned(), open_content(text))).collect();
        Items { items, ..Items::of(Object::Job) }
    }

    fn kinds(facts: &[Fact]) -> Vec<&str> {
        facts.iter().map(Fact::kind).collect()
    }

    fn the_change(facts: &[Fact]) -> &StateChange {
        let Some(Fact::StateChange(change)) = facts.first() else { panic!("{facts:?}") };
        change
    }

    /// As the outbox would hand it to the next run.
    fn restarted(states: &mut States, kept: &mut BTreeMap<String, String>) -> States {
        for (key, value) in states.notes() {
            match value {
                Some(value) => drop(kept.insert(key, value)),
                None => drop(kept.remove(&key)),
            }
        }
        let with = |prefix: &str| -> Vec<(String, String)> {
            let all = kept
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())));
            all.collect()
        };
        States::from(&with(ITEM_KEY), &with(LIST_KEY))
    }

    #[test]
    fn the_first_list_is_told_whole_and_then_only_what_differs() {
        let mut states = States::default();
        assert_eq!(
            kinds(&states.compare(list(&[("a", "1"), ("b", "2")]), Listing::Whole, at(0))),
            ["state.set"]
        );
        assert!(states.compare(list(&[("a", "1"), ("b", "2")]), Listing::Whole, at(10)).is_empty());
        let facts = states.compare(list(&[("a", "9"), ("c", "3")]), Listing::Whole, at(20));
        assert_eq!(kinds(&facts), ["state.change", "state.set"]);
        let change = the_change(&facts);
        assert_eq!((change.since, change.until, change.seen), (Some(at(10)), at(20), Seen::Running));
        let told: Vec<(&str, bool, bool)> = change
            .items
            .iter()
            .map(|item| (item.name.as_str(), item.before.is_some(), item.after.is_some()))
            .collect();
        assert_eq!(told, [("a", true, true), ("b", true, false), ("c", false, true)]);
    }

    #[test]
    fn what_changed_while_the_agent_was_down_is_found_at_its_start_and_told_once() {
        let mut kept = BTreeMap::new();
        let mut first = States::default();
        first.compare(list(&[("a", "1"), ("b", "2")]), Listing::Whole, at(0));
        let mut second = restarted(&mut first, &mut kept);
        let facts = second.compare(list(&[("a", "evil")]), Listing::Whole, at(3_600));
        let change = the_change(&facts);
        assert_eq!((change.since, change.seen, change.items.len()), (Some(at(0)), Seen::WhileAway, 2));
        let mut third = restarted(&mut second, &mut kept);
        assert_eq!(kinds(&third.compare(list(&[("a", "evil")]), Listing::Whole, at(7_200))), ["state.set"]);
    }

    #[test]
    fn what_is_a_watched_file_is_listed_anew_and_its_change_told_of_the_file() {
        let mut states = States::default();
        states.compare(list(&[("a", "1")]), Listing::WholeWithFiles, at(0));
        let facts = states.compare(list(&[("a", "2")]), Listing::WholeWithFiles, at(10));
        assert_eq!(kinds(&facts), ["state.set"]);
    }

    #[test]
    fn what_can_no_longer_be_read_is_not_gone_but_said() {
        let mut states = States::default();
        states.compare(list(&[("a", "1"), ("b", "2")]), Listing::Elsewhere, at(0));
        let mut partial = list(&[("a", "1")]);
        partial.missed("b may not be read");
        let facts = states.compare(partial, Listing::Elsewhere, at(10));
        let change = the_change(&facts);
        assert_eq!((change.object, change.items.len()), (Object::Baseline, 1));
        assert_eq!(change.items[0].name, "job");
        let facts = states.compare(list(&[("a", "7"), ("b", "2")]), Listing::Elsewhere, at(20));
        assert_eq!(facts.len(), 2, "a changed meanwhile, and b is readable again: {facts:?}");
        assert_eq!(the_change(&facts).items[0].name, "a");
    }
}
