//! メールヘッダ・インジェクション (CWE-93).
//!
//! Addresses are parsed as such before they are kept, subjects are of our own words, ids of our own making, and the library
//! that writes mails encodes every header; whatever people typed stands nowhere in a mail, and each notice is one line of it.
//! The property test of `notices::mail` feeds it line ends; the test of this name refuses such addresses at the door and
//! sends such texts through a real SMTP server and a real receiver of webhooks.
