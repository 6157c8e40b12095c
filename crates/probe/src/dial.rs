//! Connecting where an agreed target says, and nowhere else: a name that leads to the probe's own machine, its link, or
//! to addresses that hand out credentials is not followed.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use yakujo_contract::fact::probe::Fault;
use yakujo_contract::target::{Endpoint, Place, Reach};

/// One connection takes at most so long; a whole try at most `TRY_LASTS_S`.
const CONNECT: Duration = Duration::from_secs(4);
/// Addresses of a name that are tried.
const ADDRESSES: usize = 3;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The name leads nowhere.
    #[error("the name is not known")]
    Name,
    /// The name leads only where no probe may go.
    #[error("the name leads to {0}, where no probe may go")]
    Forbidden(IpAddr),
    /// Nobody listens.
    #[error("refused")]
    Refused,
    /// No answer.
    #[error("no answer")]
    Timeout,
    /// The network says no.
    #[error("no way there: {0}")]
    Unreachable(ErrorKind),
    /// This machine has no way out.
    #[error("this machine has no way out: {0}")]
    NoNetwork(ErrorKind),
}

impl DialError {
    /// What it means for the target.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Name | Self::Forbidden(_) => Fault::Name,
            Self::Refused => Fault::Refused,
            Self::Timeout => Fault::Timeout,
            Self::Unreachable(_) | Self::NoNetwork(_) => Fault::Unreachable,
        }
    }
}

/// The addresses of an endpoint that may be tried.
///
/// # Errors
/// When the name is not known, or leads only to forbidden places.
pub async fn addresses(endpoint: &Endpoint) -> Result<Vec<IpAddr>, DialError> {
    match &endpoint.host {
        // Agreed letter by letter; what nobody may try cannot be agreed.
        Place::Address(address) => Ok(vec![*address]),
        Place::Name(_) => allowed(resolved(endpoint).await?.into_iter()),
    }
}

/// Where the name of an endpoint leads, whether it may be tried or not.
///
/// # Errors
/// When the name is not known.
pub async fn resolved(endpoint: &Endpoint) -> Result<Vec<IpAddr>, DialError> {
    let name = match &endpoint.host {
        Place::Address(address) => return Ok(vec![*address]),
        Place::Name(name) => name,
    };
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name.as_str(), endpoint.port))).await;
    let Ok(Ok(found)) = found else { return Err(DialError::Name) };
    Ok(found.map(|address| address.ip()).collect())
}

fn allowed(found: impl Iterator<Item = IpAddr>) -> Result<Vec<IpAddr>, DialError> {
    let mut forbidden = None;
    let mut allowed = Vec::new();
    for address in found {
        match Reach::of(address) {
            Reach::Anywhere if !allowed.contains(&address) => allowed.push(address),
            Reach::Anywhere => {}
            Reach::OnlyAsAgreed | Reach::Never => forbidden = Some(address),
        }
    }
    allowed.truncate(ADDRESSES);
    match (allowed.is_empty(), forbidden) {
        (false, _) => Ok(allowed),
        (true, Some(address)) => Err(DialError::Forbidden(address)),
        (true, None) => Err(DialError::Name),
    }
}

/// Connects to the first address that answers.
///
/// # Errors
/// Any [`DialError`]: that of the last address.
pub async fn connect(endpoint: &Endpoint) -> Result<TcpStream, DialError> {
    let mut last = DialError::Name;
    for address in addresses(endpoint).await? {
        let connected =
            tokio::time::timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, endpoint.port)));
        match connected.await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = of_error(&error),
            Err(_) => last = DialError::Timeout,
        }
    }
    Err(last)
}

/// What an error of the socket means.
#[must_use]
pub fn of_error(error: &std::io::Error) -> DialError {
    match error.kind() {
        ErrorKind::ConnectionRefused => DialError::Refused,
        ErrorKind::TimedOut => DialError::Timeout,
        kind @ (ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable) => {
            DialError::NoNetwork(kind)
        }
        kind => DialError::Unreachable(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_followed_home() {
        let of = |addresses: &[&str]| allowed(addresses.iter().map(|address| address.parse().unwrap()));
        assert_eq!(of(&["127.0.0.1"]), Err(DialError::Forbidden("127.0.0.1".parse().unwrap())));
        assert_eq!(of(&["169.254.169.254"]), Err(DialError::Forbidden("169.254.169.254".parse().unwrap())));
        assert_eq!(of(&["::1", "192.0.2.1"]), Ok(vec!["192.0.2.1".parse().unwrap()]));
        assert_eq!(of(&[]), Err(DialError::Name));
        assert_eq!(of(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]).unwrap().len(), 3);
    }

    #[tokio::test]
    async fn localhost_is_home_by_whatever_name() {
        let endpoint = Endpoint { host: Place::Name("localhost".to_owned()), port: 1, path: String::new() };
        assert!(matches!(connect(&endpoint).await, Err(DialError::Forbidden(_))));
    }
}
