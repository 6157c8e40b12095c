//! OS コマンド・インジェクション: nothing a visitor sends is run, because nothing is run at all.

use super::attack::{city, everywhere, nowhere_in_the_code};

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_is_run() {
    let (site, browser) = city().await;
    let proof = site.folder.path().join("proof");
    let touch = format!("touch {}", proof.display());
    for text in [
        format!("; {touch} ;"),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("| {touch}"),
        format!("\n{touch}\n"),
        format!("' && {touch} #"),
    ] {
        for (place, reply) in everywhere(&site, &browser, &text).await {
            assert!(reply.status < 500, "{text} in {place}");
        }
    }
    assert!(!proof.exists());
    site.stop().await;
}

#[test]
fn the_server_starts_no_program() {
    for word in ["process::Command", "Command::new", "libc::system", "execv"] {
        nowhere_in_the_code(word);
    }
}
