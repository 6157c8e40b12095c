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
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
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
    /// A request for a certificate that is none.
    #[error("the request for a certificate is malformed, or its key was not proved")]
    Request,
}

/// The server's own certification authority.
pub struct Authority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
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
            let certificate = authority_params(now).self_signed(&key)?;
            write_private(&key_file, key.serialize_pem().as_bytes())?;
            write_private(&certificate_file, certificate.pem().as_bytes())?;
        }
        let key_pem = zeroize::Zeroizing::new(std::fs::read_to_string(&key_file)?);
        let certificate_pem = std::fs::read_to_string(&certificate_file)?;
        let key = KeyPair::from_pem(&key_pem)?;
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes());
        let certificate = certificate.map_err(|_| TlsError::Damaged("authority.pem"))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)?;
        Ok(Self { certificate_pem, certificate, issuer })
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
        let (chain, key) = self.portal_certificate(folder, names, now)?;
        let config = builder()?.with_no_client_auth().with_single_cert(chain, key)?;
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
        let (chain, key) = self.portal_certificate(folder, names, now)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        let config = builder()?.with_client_cert_verifier(verifier).with_single_cert(chain, key)?;
        Ok(Arc::new(with_alpn(config)))
    }

    fn portal_certificate(
        &self,
        folder: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let (key_file, certificate_file) = (folder.join("portal.key"), folder.join("portal.pem"));
        let names_file = folder.join("portal.names");
        let wanted = names.join("\n");
        let current = certificate_file.exists()
            && std::fs::read_to_string(&names_file).unwrap_or_default() == wanted
            && not_after(&certificate_file)
                .is_some_and(|end| now.saturating_add(PORTAL_RENEW).is_ok_and(|at| at < end));
        if !current {
            let key = KeyPair::generate()?;
            let certificate = portal_params(names, now)?.signed_by(&key, &self.issuer)?;
            write_private(&key_file, key.serialize_pem().as_bytes())?;
            write_private(&certificate_file, certificate.pem().as_bytes())?;
            write_private(&names_file, wanted.as_bytes())?;
        }
        let certificate =
            CertificateDer::from_pem_file(&certificate_file).map_err(|_| TlsError::Damaged("portal.pem"))?;
        let key =
            PrivatePkcs8KeyDer::from_pem_file(&key_file).map_err(|_| TlsError::Damaged("portal.key"))?;
        Ok((vec![certificate, self.certificate.clone()], key.into()))
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
        params.serial_number = Some(serial());
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

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Yakujo authority of this server");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial());
    params.not_before = date(start_of(now));
    params.not_after = date(end_of(now, AUTHORITY_LIFE));
    params
}

fn portal_params(names: &[String], now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
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
    params.serial_number = Some(serial());
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

fn serial() -> SerialNumber {
    let mut bytes = [0_u8; 16];
    // Without random bytes the library would not have made the key either; zero would be refused by clients.
    if getrandom::fill(&mut bytes).is_err() {
        tracing::error!("no random bytes for a certificate's serial number");
    }
    SerialNumber::from_slice(&bytes)
}

fn not_after(certificate: &Path) -> Option<Timestamp> {
    let der = CertificateDer::from_pem_file(certificate).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
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
