//! The server tries its own doors from outside, over the network stack, as a stranger would (4.4.a, 11.b).

use crate::office::Office;
use crate::server::House;
use jiff::SignedDuration;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yakujo_contract::entry::Party;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::PortalCheck;
use yakujo_contract::parameter::ParameterId;

const PATIENCE: Duration = Duration::from_secs(5);

/// Tries the doors and records what it found.
pub async fn check(office: &Office, house: &House) {
    let checked = match look(office, house).await {
        Ok(checked) => checked,
        Err(error) => return tracing::error!("the doors of the server could not be tried: {error}"),
    };
    if let Err(error) = office.state(None, Fact::PortalCheck(checked)).await {
        tracing::error!("the try of the doors could not be recorded: {error}");
    }
}

async fn look(
    office: &Office,
    house: &House,
) -> Result<PortalCheck, Box<dyn std::error::Error + Send + Sync>> {
    let now = office.now();
    let path = format!("/c/{}/sign-in", office.id());
    let portal_answers =
        ask(house, house.portal, &path).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
    let stranger = ask(house, house.intake.parse()?, "/intake/v1/pulse").await;
    let dormant =
        SignedDuration::from_hours(office.measure(ParameterId::new(12), "dormant_d").saturating_mul(24));
    let devices = office.people.devices().await?;
    let in_force: Vec<_> = devices.iter().filter(|device| device.is_in_force(now)).collect();
    let people = office.people.everybody().await?;
    let city = || people.iter().filter(|person| person.role.party() == Party::City && person.is_active(now));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(PortalCheck {
        portal_answers,
        intake_refuses_strangers: stranger.is_err(),
        devices: count(in_force.len()),
        dormant_devices: count(
            in_force.iter().filter(|device| now.duration_since(device.used) > dormant).count(),
        ),
        next_expiry: in_force.iter().map(|device| device.not_after).min(),
        city_accounts: count(city().filter(|person| person.has_password).count()),
        city_last_seen: city().filter_map(|person| person.last_sign_in).max(),
    })
}

/// The first bytes a door answers to somebody without a certificate. TLS 1.3 refuses him after the handshake, so only
/// an answer to a request tells that he was let in.
async fn ask(
    house: &House,
    door: SocketAddr,
    path: &str,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(house.authority.pem().as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost")?;
    let talk = async {
        let stream = TcpStream::connect(door).await?;
        let mut stream = connector.connect(name, stream).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![0_u8; 64];
        let read = stream.read(&mut answer).await?;
        answer.truncate(read);
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(PATIENCE, talk).await??;
    if answer.is_empty() { Err("closed without an answer".into()) } else { Ok(answer) }
}
