//! メールヘッダ・インジェクション: no mail, no header of it.

#[test]
fn nothing_that_sends_mail_is_linked() {
    let lock = include_str!("../../../../Cargo.lock");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \""));
    for name in names.map(|rest| rest.trim_end_matches('"')) {
        let mails = ["lettre", "mail", "smtp", "imap"].iter().any(|word| name.contains(word));
        assert!(!mails, "{name} sends mail: then this class needs a reason and attacks");
    }
}
