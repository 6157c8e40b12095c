//! 意図しないファイル公開: nothing of the disk is handed out, and on the disk only the owner reads it.

use super::attack::city;
use std::os::unix::fs::PermissionsExt as _;

const NAMES: [&str; 22] = [
    ".git/config",
    ".env",
    ".htaccess",
    "robots.txt",
    "people.db",
    "people.db-wal",
    "views.db",
    "contract.toml",
    "ca/authority.key",
    "ca/authority.pem",
    "ca/portal.key",
    "ca/portal.pem",
    "ledger/log.key",
    "ledger/checkpoint",
    "contracts/main/people.db",
    "console.sock",
    "Cargo.toml",
    "index.html~",
    "backup.zip",
    "static/",
    "static",
    "yakujo.css.bak",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_address_hands_out_a_file_or_lists_a_folder() {
    let (site, mut browser) = city().await;
    let nothing = browser.get("/nothing").await;
    for name in NAMES {
        for folder in ["", "c/", "static/"] {
            assert_eq!(browser.get(&format!("/{folder}{name}")).await, nothing, "/{folder}{name}");
        }
        let reply = browser.get(&format!("/c/main/{name}")).await;
        assert_eq!(reply.status, 404, "/c/main/{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_reads_what_the_server_writes() {
    let (site, _) = city().await;
    let mut folders = vec![site.folder.path().join("ca"), site.folder.path().join("contracts/main")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(&folder).unwrap() {
            let path = found.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode();
            if path.is_dir() {
                folders.push(path);
            } else if is_secret(&path) {
                assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
                files += 1;
            }
        }
    }
    assert!(files >= 5, "{files}");
    site.stop().await;
}

/// Keys and what people typed. The ledger is for both parties, and lies behind the door of the data folder.
fn is_secret(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    name.ends_with(".key") || name.starts_with("people.db") || name.starts_with("portal.")
}
