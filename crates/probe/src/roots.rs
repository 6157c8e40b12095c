//! Whose certificates are believed: the authority agreed for the target, or those of the operating system, which its
//! updates keep right.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Where operating systems keep the authorities everybody believes: Debian, Red Hat, SUSE.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Read once: an update of the authorities counts from the next start on.
static PUBLIC: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();

/// How to encrypt.
///
/// # Errors
/// Why no certificate could be believed, for people.
pub fn config(authority: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    if let Some(pem) = authority {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
        let certificate = certificate.map_err(|_| "the agreed authority is no certificate".to_owned())?;
        return believing([certificate].into_iter());
    }
    let public = PUBLIC.get_or_init(|| {
        let file = SYSTEM.iter().map(Path::new).find(|path| path.exists())?;
        let certificates = CertificateDer::pem_file_iter(file).ok()?;
        believing(certificates.flatten()).ok()
    });
    let missing = "this machine has no list of authorities (ca-certificates): agree on an own authority";
    public.clone().ok_or_else(|| missing.to_owned())
}

fn believing(
    certificates: impl Iterator<Item = CertificateDer<'static>>,
) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err("no certificate of an authority could be read".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
