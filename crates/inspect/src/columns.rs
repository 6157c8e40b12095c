//! What a column of values looks like.

use crate::Rule;
use crate::headings;
use crate::values::{
    digits, fits, is_address, is_card, is_individual_number, is_instant, is_mail, is_name_in_two, is_phone,
};
use std::collections::BTreeSet;

/// Columns of a table that are looked at.
pub const MOST: usize = 2_000;
/// Fewer values without a heading prove nothing.
const FEW: u64 = 5;
/// More different numbers of a column are not counted: so many tell what it is.
const DIFFERENT: usize = 10_000;

/// What was counted in a column.
#[derive(Debug, Clone, Default)]
pub struct Column {
    heading: Option<(&'static str, Rule)>,
    filled: u64,
    /// Values that are what the heading says.
    fitting: u64,
    /// Different numbers of twelve digits; instants of the clock are none.
    twelve: BTreeSet<u64>,
    /// Those of them with the check digit.
    individual: u64,
    cards: u64,
    names: u64,
    addresses: u64,
    phones: u64,
    mails: u64,
}

impl Column {
    /// A column under a heading.
    #[must_use]
    pub fn headed(heading: &str) -> Self {
        Self { heading: headings::known(heading), ..Self::default() }
    }

    /// The known word of its heading.
    #[must_use]
    pub fn known_heading(&self) -> Option<&'static str> {
        self.heading.map(|(known, _)| known)
    }

    /// Counts a value.
    pub fn value(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() || value == "\\N" || value.eq_ignore_ascii_case("null") {
            return;
        }
        let count = |counter: &mut u64, hit: bool| *counter = counter.saturating_add(u64::from(hit));
        count(&mut self.filled, true);
        if let Some((_, rule)) = self.heading {
            count(&mut self.fitting, fits(rule, value));
        }
        if let Some(digits) = digits(value) {
            // The same number again and again proves no more than once.
            if digits.len() == 12
                && !is_instant(&digits)
                && !all_equal(&digits)
                && self.twelve.len() < DIFFERENT
            {
                let is_new = self.twelve.insert(whole(&digits));
                count(&mut self.individual, is_new && is_individual_number(&digits));
            }
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
        let headed = self.heading.map(|(_, rule)| rule).filter(|_| self.fitting > 0);
        let numbers = u64::try_from(self.twelve.len()).unwrap_or(u64::MAX);
        // By chance one in ten passes: five of ten do so once in six hundred columns.
        let is_number = self.individual > 0 && most(self.individual, numbers, 50);
        let mut rules: Vec<Rule> =
            headed.filter(|rule| *rule != Rule::IndividualNumber || is_number).into_iter().collect();
        if is_number && self.individual >= FEW {
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

fn all_equal(digits: &[u32]) -> bool {
    digits.windows(2).all(|two| two.first() == two.get(1))
}

fn whole(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

/// At least so many percent.
fn most(hits: u64, of: u64, percent: u64) -> bool {
    hits.saturating_mul(100) >= of.saturating_mul(percent)
}
