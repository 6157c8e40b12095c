//! The server's own certification authority, and who proves what with it.
//!
//! The portal proves itself to browsers; agents prove themselves to the intake. Both trust the authority made at the
//! first start. Its key never leaves the data folder.

use crate::settings::{private_folder, write_private};
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};

/// Life of the portal's certificate; browsers refuse longer ones.
const PORTAL_LIFE: SignedDuration = SignedDuration::from_hours(397 * 24);
/// It is renewed when less than this remains.
const PORTAL_RENEW: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Life of a device certificate (P-12).
const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Life of the authority.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// Largest request for a certificate, bytes.
const MAX_REQUEST: usize = 16 * 1024;

/// Why certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("the certificates in the data folder cannot be read or written")]
    File(#[from] io::Error),
    /// Making a certificate.
    #[error("a certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// Configuration.
    #[error("TLS could not be set up")]
    Configure(#[from] rustls::Error),
    /// The verifier of device certificates.
    #[error("the verifier of device certificates could not be set up")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// A damaged file.
    #[error("`{0}` in the data folder is damaged: restore it from a backup")]
    Damaged(&'static str),
    /// No random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
    /// A request for a certificate that is none.
    #[error("the request for a certificate is malformed, or its key was not proved")]
    Request,
}

/// The server's own certification authority.
pub struct Authority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    portal: OnceLock<Arc<Portal>>,
}

/// What both doors show. It is renewed while they are open.
#[derive(Debug)]
struct Portal {
    file: PathBuf,
    names: Vec<String>,
    shown: RwLock<Shown>,
}

#[derive(Debug, Clone)]
struct Shown {
    pair: Arc<CertifiedKey>,
    ends: Timestamp,
}

impl ResolvesServerCert for Portal {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().pair)
    }
}

impl Portal {
    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An issued device certificate.
pub struct Issued {
    /// The certificate.
    pub pem: String,
    /// SHA-256, hexadecimal.
    pub fingerprint: String,
    /// Its end.
    pub not_after: Timestamp,
}

impl Authority {
    /// Opens the authority, making it at the first start.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, TlsError> {
        let (key_file, certificate_file) = (folder.join("authority.key"), folder.join("authority.pem"));
        if !certificate_file.exists() {
            private_folder(folder)?;
            let key = KeyPair::generate()?;
            let certificate = authority_params(now)?.self_signed(&key)?;
            write_private(&key_file, key.serialize_pem().as_bytes())?;
            write_private(&certificate_file, certificate.pem().as_bytes())?;
        }
        let key_pem = zeroize::Zeroizing::new(std::fs::read_to_string(&key_file)?);
        let certificate_pem = std::fs::read_to_string(&certificate_file)?;
        let key = KeyPair::from_pem(&key_pem)?;
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes());
        let certificate = certificate.map_err(|_| TlsError::Damaged("authority.pem"))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)?;
        Ok(Self { certificate_pem, certificate, issuer, portal: OnceLock::new() })
    }

    /// The authority's certificate, for browsers and agents.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of the authority's certificate: what an agent pins.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }

    /// The portal's certificate, made or renewed as needed.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn portal(
        &self,
        folder: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let portal = self.portal_certificate(folder, names, now)?;
        let config = builder()?.with_no_client_auth().with_cert_resolver(portal);
        Ok(Arc::new(with_alpn(config)))
    }

    /// The intake: whoever has no certificate of this authority is refused in the handshake (4.4.a).
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn intake(
        &self,
        folder: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let portal = self.portal_certificate(folder, names, now)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        let config = builder()?.with_client_cert_verifier(verifier).with_cert_resolver(portal);
        Ok(Arc::new(with_alpn(config)))
    }

    /// One certificate for both doors, made or renewed as needed.
    fn portal_certificate(
        &self,
        folder: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<Portal>, TlsError> {
        if let Some(portal) = self.portal.get() {
            return Ok(portal.clone());
        }
        let file = folder.join("portal.pem");
        let shown = match self.read_portal(&file, names).filter(|shown| is_fresh(shown, now)) {
            Some(shown) => shown,
            None => self.make_portal(&file, names, now)?,
        };
        let portal = Arc::new(Portal { file, names: names.to_vec(), shown: RwLock::new(shown) });
        Ok(self.portal.get_or_init(|| portal).clone())
    }

    /// Renews the certificate of the doors when its end is near; whoever connects from then on sees the new one.
    ///
    /// # Errors
    /// When it cannot be made or kept; the old one is shown until it ends.
    pub fn renew(&self, now: Timestamp) -> Result<(), TlsError> {
        let Some(portal) = self.portal.get() else { return Ok(()) };
        if is_fresh(&portal.shown(), now) {
            return Ok(());
        }
        let made = self.make_portal(&portal.file, &portal.names, now)?;
        *portal.shown.write().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(())
    }

    /// Certificate and key stand in one file, which is replaced as a whole: there is no instant at which they do not
    /// belong together. What is made for other names, or cannot be read, is made anew: nothing depends on it.
    fn make_portal(&self, file: &Path, names: &[String], now: Timestamp) -> Result<Shown, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = portal_params(names, now)?.signed_by(&key, &self.issuer)?;
        let key_pem = zeroize::Zeroizing::new(key.serialize_pem());
        let text = format!("{}\n{}{}", self.heading(names), certificate.pem(), *key_pem);
        let text = zeroize::Zeroizing::new(text);
        write_private(file, text.as_bytes())?;
        self.read_portal(file, names).ok_or(TlsError::Damaged("portal.pem"))
    }

    /// What the certificate was made for, and by whom.
    fn heading(&self, names: &[String]) -> String {
        format!("for {} by {}", names.join(" "), self.fingerprint())
    }

    fn read_portal(&self, file: &Path, names: &[String]) -> Option<Shown> {
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).ok()?);
        if text.lines().next()? != self.heading(names) {
            return None;
        }
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        let ends = not_after(&certificate)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).ok()?;
        let chain = vec![certificate, self.certificate.clone()];
        // This also finds a key that is not the certificate's.
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key.into(), &provider).ok()?;
        Some(Shown { pair: Arc::new(pair), ends })
    }

    /// Signs the request of a device. The subject is ours; of the request only the proved key is taken.
    ///
    /// # Errors
    /// [`TlsError::Request`] when it is malformed or too large.
    pub fn issue(&self, request_pem: &str, name: &str, now: Timestamp) -> Result<Issued, TlsError> {
        if request_pem.len() > MAX_REQUEST {
            return Err(TlsError::Request);
        }
        let mut request =
            CertificateSigningRequestParams::from_pem(request_pem).map_err(|_| TlsError::Request)?;
        let end = end_of(now, DEVICE_LIFE);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.serial_number = Some(serial()?);
        params.not_before = date(start_of(now));
        params.not_after = date(end);
        request.params = params;
        let certificate = request.signed_by(&self.issuer)?;
        Ok(Issued { pem: certificate.pem(), fingerprint: fingerprint(certificate.der()), not_after: end })
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn with_alpn(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn authority_params(now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Yakujo authority of this server");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial()?);
    params.not_before = date(start_of(now));
    params.not_after = date(end_of(now, AUTHORITY_LIFE));
    Ok(params)
}

/// More than the time in which it is renewed remains.
fn is_fresh(shown: &Shown, now: Timestamp) -> bool {
    now.saturating_add(PORTAL_RENEW).is_ok_and(|at| at < shown.ends)
}

fn portal_params(names: &[String], now: Timestamp) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Yakujo portal");
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.serial_number = Some(serial()?);
    params.not_before = date(start_of(now));
    params.not_after = date(end_of(now, PORTAL_LIFE));
    Ok(params)
}

/// An hour ago: clocks of clients differ.
fn start_of(now: Timestamp) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(now)
}

fn end_of(now: Timestamp, life: SignedDuration) -> Timestamp {
    now.saturating_add(life).unwrap_or(now)
}

fn date(instant: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(instant.as_second()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// 16 random bytes as a positive number without leading zeros: strict readers refuse other encodings.
fn serial() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| TlsError::Random)?;
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// SHA-256 of a certificate, hexadecimal.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    crate::people::hex(&Sha256::digest(certificate))
}

/// The certificate the caller proved to hold; the intake's requests carry it.
#[derive(Debug, Clone)]
pub struct PeerCertificate {
    /// SHA-256, hexadecimal.
    pub fingerprint: String,
}

/// Accepts TLS connections and puts the [`PeerCertificate`] on every request of the connection.
#[derive(Clone)]
pub struct WithPeer {
    inner: RustlsAcceptor,
}

impl WithPeer {
    /// With this configuration.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self { inner: RustlsAcceptor::new(RustlsConfig::from_config(config)) }
    }
}

type Accepted<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl<I, S> Accept<I, S> for WithPeer
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Send + 'static,
{
    type Stream = tokio_rustls::server::TlsStream<I>;
    type Service = OnConnection<<RustlsAcceptor as Accept<I, S>>::Service>;
    type Future = Accepted<(Self::Stream, Self::Service)>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepting = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let certificates = stream.get_ref().1.peer_certificates();
            let peer = certificates.and_then(<[_]>::first).map(|certificate| fingerprint(certificate));
            Ok((
                stream,
                OnConnection {
                    inner: service,
                    peer: peer.map(|fingerprint| PeerCertificate { fingerprint }),
                },
            ))
        })
    }
}

/// The service of one connection: its requests carry the certificate of the connection.
#[derive(Clone)]
pub struct OnConnection<S> {
    inner: S,
    peer: Option<PeerCertificate>,
}

impl<S, B> tower::Service<axum::http::Request<B>> for OnConnection<S>
where
    S: tower::Service<axum::http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: axum::http::Request<B>) -> S::Future {
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + days * 24 * 3600).unwrap()
    }

    fn names() -> Vec<String> {
        vec!["127.0.0.1".to_owned(), "localhost".to_owned()]
    }

    fn pair(folder: &Path, names: &[String], days: i64) -> Shown {
        let authority = Authority::open(folder, at(0)).unwrap();
        authority.portal(folder, names, at(days)).unwrap();
        authority.portal.get().unwrap().shown()
    }

    #[test]
    fn a_start_shows_the_kept_certificate_until_its_end_is_near_or_the_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let first = pair(folder.path(), &names(), 0);
        assert_eq!(pair(folder.path(), &names(), 366).pair.cert, first.pair.cert);
        let renewed = pair(folder.path(), &names(), 368);
        assert_ne!(renewed.pair.cert, first.pair.cert);
        assert_eq!(renewed.ends, at(368 + 397));
        let other = pair(folder.path(), &["city.example".to_owned()], 368);
        assert_ne!(other.pair.cert, renewed.pair.cert);
    }

    #[test]
    fn a_start_after_any_cut_shows_a_certificate_with_its_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portal.pem");
        pair(folder.path(), &names(), 0);
        let one = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        pair(folder.path(), &names(), 0);
        let two = std::fs::read_to_string(&file).unwrap();
        let begins = |text: &str| text.find("-----BEGIN PRIVATE").unwrap();
        let mixed = format!("{}{}", &one[..begins(&one)], &two[begins(&two)..]);
        let cuts = (0..one.len()).step_by(97).map(|length| one[..length].to_owned());
        for text in cuts.chain([mixed, "for\n".to_owned()]) {
            std::fs::write(&file, text).unwrap();
            assert!(pair(folder.path(), &names(), 0).pair.keys_match().is_ok());
        }
        let before = pair(folder.path(), &names(), 0);
        std::fs::remove_file(folder.path().join("authority.pem")).unwrap();
        let after = pair(folder.path(), &names(), 0);
        assert_ne!(after.pair.cert, before.pair.cert, "made by the new authority");
    }

    #[test]
    fn a_running_server_renews_its_certificate_thirty_days_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), at(0)).unwrap();
        authority.renew(at(0)).unwrap();
        authority.portal(folder.path(), &names(), at(0)).unwrap();
        let shown = || authority.portal.get().unwrap().shown();
        let first = shown();
        authority.renew(at(366)).unwrap();
        assert_eq!(shown().pair.cert, first.pair.cert);
        authority.renew(at(368)).unwrap();
        assert_ne!(shown().pair.cert, first.pair.cert);
        assert_eq!(
            pair(folder.path(), &names(), 369).pair.cert,
            shown().pair.cert,
            "a restart shows the same"
        );
    }

    #[test]
    fn serial_numbers_are_positive_and_have_no_leading_zeros() {
        for _ in 0..2_000 {
            let bytes = serial().unwrap().to_bytes();
            assert!(bytes.len() == 16 && (0x40..0x80).contains(&bytes[0]), "{bytes:02x?}");
        }
    }

    #[test]
    fn of_a_request_only_the_proved_key_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), at(0)).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut wish = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
        wish.distinguished_name.push(DnType::CommonName, "another host");
        let pem = wish.serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority.issue(&pem, "web-1 d-1", at(0)).unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(parsed.subject().to_string(), "CN=web-1 d-1");
        assert!(!parsed.is_ca() && parsed.subject_alternative_name().unwrap().is_none());
        assert_eq!(not_after(&der), Some(at(365)));
        for odd in [String::new(), "x".repeat(MAX_REQUEST + 1), pem.replace('M', "N")] {
            assert!(matches!(authority.issue(&odd, "web-1 d-1", at(0)), Err(TlsError::Request)));
        }
    }
}
