//! Communication beside its list: what was seen of a host leads to a form that is filled with it, and both agree on a line.

use super::site::Site;
use yakujo_contract::act::{Direction, Matter, Role};
use yakujo_server::writer::NumberedFact;

/// One that goes out, one that comes in from the own networks, and one from the Internet.
async fn three_communications(site: &Site) {
    let host = site.place_host("main", "web-7").await;
    let now = site.clock.now();
    let path = |direction: &str, port: u16, peer: &str| {
        serde_json::json!({ "path": { "direction": direction, "protocol": "tcp", "port": port, "peer": peer },
            "from": now, "to": now, "program": "curl" })
    };
    let seen =
        [path("out", 443, "192.0.2.7/32"), path("in", 8443, "10.1.2.0/24"), path("in", 443, "0.0.0.0/0")];
    let fact = serde_json::json!({ "kind": "net.flow", "seen_by": "sockets", "flows": seen });
    let fact = NumberedFact { seq: 1, observed: now, fact: serde_json::from_value(fact).unwrap() };
    site.office("main").store_facts(host.clone(), 1, vec![fact]).await.unwrap();
    site.heard("main", &host, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_communication_that_was_seen_is_declared_from_the_page_of_its_host_and_agreed() {
    let site = Site::start().await;
    let office = site.office("main");
    three_communications(&site).await;
    let mut contractor = site.contractor().await;
    let page = contractor.get("/c/main/hosts/web-7?tab=flows").await;
    for text in ["外へ", "192.0.2.7", "443/TCP", "curl", "10.1.2.0/24", "インターネット"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let link = page.body.split("href=\"").find(|rest| rest.contains("direction=out")).unwrap();
    let link = link.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#38;", "&");
    let form = contractor.get(&link).await;
    assert!(
        form.body.contains("value=\"192.0.2.7\""),
        "the form is filled with what was seen: {}",
        form.body
    );

    let line = |peer: &'static str| {
        [
            ("system", "main"),
            ("host", "web-7"),
            ("direction", "out"),
            ("protocol", "tcp"),
            ("port", "４４３"),
            ("peer", peer),
            ("purpose", "更新の取得"),
            ("until", ""),
        ]
    };
    let wrong = contractor.post("/c/main/agreements/new/flow", &line("192.0.2.300")).await;
    assert_eq!(wrong.status, 422, "no such address: {}", wrong.body);
    let wrong = contractor.post("/c/main/agreements/new/flow", &line("192.0.2.7/24")).await;
    assert_eq!(wrong.status, 422, "one address or its whole network: {}", wrong.body);
    let declared = contractor.post("/c/main/agreements/new/flow", &line("１９２．０．２．０/24")).await;
    assert_eq!(declared.status, 303, "{}", declared.body);
    let proposal = {
        let court = office.court();
        let mut lines = court.evidence().agreements.of_any("flow");
        let line =
            lines.find(|line| matches!(line.matter, Matter::Flow(flow) if flow.direction == Direction::Out));
        let line = line.unwrap();
        let Matter::Flow(flow) = line.matter else { unreachable!() };
        assert_eq!(flow.peer.unwrap().to_string(), "192.0.2.0/24");
        line.id.to_string()
    };
    let city = site.person("main", Role::CitySecurity).await;
    let mut city = site.sign_in(&city).await;
    let waiting = city.get("/c/main/agreements").await;
    assert!(waiting.body.contains("外へ 443/TCP 192.0.2.0/24"), "{}", waiting.body);
    let agreed = city.post(&format!("/c/main/agreements/{proposal}/agree"), &[]).await;
    assert_eq!(agreed.status, 303, "{}", agreed.body);
    let page = city.get("/c/main/hosts/web-7?tab=flows").await;
    assert_eq!(page.body.matches("direction=").count(), 2, "one of three stands on the list: {}", page.body);
    site.stop().await;
}
