//! Somebody leaves and is forgotten, through the pages, to the last byte.

use super::site::Site;
use yakujo_contract::act::Role;

/// Whether any file of the contract holds this text.
fn is_in_the_files(site: &Site, text: &str) -> bool {
    let (mut folders, mut found) = (vec![site.folder.path().to_owned()], false);
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found |= bytes.windows(text.len()).any(|window| window == text.as_bytes());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_signed_out_the_ledger_says_so_and_his_name_can_be_erased_everywhere() {
    let site = Site::start().await;
    let office = site.office("main");
    let (login, name) = ("tanabata", "棚機 彦星之助");
    let link = office.enter_person(None, login, name, Role::Operator, None, None).await.unwrap();
    let leaver = site.redeem("main", login, &link).await;
    let mut browser = site.sign_in(&leaver).await;
    let session = site.sessions(&leaver).await.pop().unwrap();
    let id = office.people.by_login(login).await.unwrap().id;
    let mut lead = site.contractor().await;
    let path = format!("/c/main/people/{id}");
    assert!(lead.get(&path).await.body.contains(name));

    assert_eq!(lead.post(&format!("{path}/leave"), &[("reason", "異動")]).await.status, 303);
    assert_eq!(browser.get("/c/main").await.status, 303, "signed out at once");
    let closed = site.entries("main", 0).into_iter().filter(|entry| entry.contains("session.close"));
    let closed: Vec<String> = closed.filter(|entry| entry.contains(&session)).collect();
    assert_eq!(closed.len(), 1);
    assert!(closed[0].contains("revoked"), "{}", closed[0]);
    assert_eq!(site.try_sign_in(&mut browser, &leaver, super::site::PASSWORD).await.status, 422);
    assert!(is_in_the_files(&site, name));

    assert_eq!(lead.post(&format!("{path}/erase"), &[("reason", "保存期間の満了")]).await.status, 303);
    assert!(!is_in_the_files(&site, name));
    assert!(!is_in_the_files(&site, login));
    let page = lead.get(&path).await;
    assert!(page.status == 200 && !page.body.contains(name) && page.body.contains(id.as_str()));
    site.stop().await;
}
