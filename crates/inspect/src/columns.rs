//! What a column of values looks like.

use crate::Rule;
use crate::headings;
use crate::values::{
    digits, fits, is_address, is_card, is_individual_number, is_instant, is_mail, is_name_in_two, is_phone,
};

/// Columns of a table that are looked at.
pub const MOST: usize = 2_000;
/// Fewer values without a heading prove nothing.
const FEW: u64 = 5;

/// What was counted in a column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    heading: Option<(String, Rule)>,
    filled: u64,
    /// Values that are what the heading says.
    fitting: u64,
    twelve: u64,
    individual: u64,
    instants: u64,
    cards: u64,
    names: u64,
    addresses: u64,
    phones: u64,
    mails: u64,
}

impl Column {
    /// A column under a heading. What is none that is known is not kept: it may be a value.
    #[must_use]
    pub fn headed(heading: &str) -> Self {
        let known = headings::rule(heading).map(|rule| (heading.trim().to_owned(), rule));
        Self { heading: known, ..Self::default() }
    }

    /// The heading, where it is one that is known.
    #[must_use]
    pub fn known_heading(&self) -> Option<&str> {
        self.heading.as_ref().map(|(heading, _)| heading.as_str())
    }

    /// Counts a value.
    pub fn value(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() || value == "\\N" || value.eq_ignore_ascii_case("null") {
            return;
        }
        let count = |counter: &mut u64, hit: bool| *counter = counter.saturating_add(u64::from(hit));
        count(&mut self.filled, true);
        if let Some((heading, rule)) = &self.heading {
            let hit = value != heading && fits(*rule, value);
            count(&mut self.fitting, hit);
        }
        if let Some(digits) = digits(value) {
            count(&mut self.twelve, digits.len() == 12);
            count(&mut self.individual, is_individual_number(&digits));
            count(&mut self.instants, is_instant(&digits));
            count(&mut self.cards, is_card(&digits));
            count(&mut self.phones, is_phone(value));
            return;
        }
        count(&mut self.names, is_name_in_two(value));
        count(&mut self.addresses, is_address(value));
        count(&mut self.mails, is_mail(value));
    }

    /// What the column holds, by its heading or by what most of its values look like.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let headed = self.heading.as_ref().filter(|_| self.fitting > 0).map(|(_, rule)| *rule);
        let mut rules: Vec<Rule> = headed.into_iter().collect();
        // By chance one in ten passes: half of five or more is no chance. Instants of the clock have twelve digits, too.
        let numbers = self.twelve.saturating_sub(self.instants);
        if numbers >= FEW && most(self.individual, self.twelve, 50) {
            rules.push(Rule::IndividualNumber);
        }
        let shaped = [
            (Rule::CreditCard, self.cards, 90),
            (Rule::Name, self.names, 80),
            (Rule::Address, self.addresses, 60),
            (Rule::Phone, self.phones, 60),
            (Rule::Mail, self.mails, 60),
        ];
        for (rule, hits, percent) in shaped {
            if hits >= FEW && most(hits, self.filled, percent) {
                rules.push(rule);
            }
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// At least so many percent.
fn most(hits: u64, of: u64, percent: u64) -> bool {
    hits.saturating_mul(100) >= of.saturating_mul(percent)
}
