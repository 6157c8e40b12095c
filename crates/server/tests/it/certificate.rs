//! The certificate of the doors, as clients see it over the years of one run.

use super::site::Site;
use jiff::SignedDuration;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_for_years_shows_a_valid_certificate() {
    let site = Site::start().await;
    for _ in 0..3 {
        site.clock.pass(SignedDuration::from_hours(390 * 24));
        // The server looks every second.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        // A new visitor each time: an old one would resume his session and not look at the certificate again.
        let reply = site.stranger().try_send("GET", "/c/main/sign-in", &[], "").await;
        assert_eq!(reply.map(|reply| reply.status), Some(200));
    }
    site.stop().await;
}
