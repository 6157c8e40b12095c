//! One try of one target.

use crate::dial::{self, DialError};
use crate::http::{self, FetchError};
use crate::own::Knock;
use crate::page;
use crate::ping::{self, PingError};
use crate::plan::Attempt;
use std::time::{Duration, Instant};
use yakujo_contract::fact::probe::Fault;
use yakujo_contract::outage::TRY_LASTS_S;
use yakujo_contract::target::{Endpoint, Means, Target};

/// Knocking takes at most so long.
const KNOCK: Duration = Duration::from_secs(3);

/// Tries a target.
pub async fn attempt(target: &Target) -> Attempt {
    let Ok(endpoint) = target.endpoint() else {
        return Attempt::Cannot("the address cannot be read".to_owned());
    };
    let began = Instant::now();
    let limit = Duration::from_secs(u64::from(TRY_LASTS_S));
    let tried = tokio::time::timeout(limit, tried(target, &endpoint, began)).await;
    tried.unwrap_or_else(|_| Attempt::Down {
        fault: Fault::Timeout,
        detail: format!("no answer within {TRY_LASTS_S} s"),
    })
}

async fn tried(target: &Target, endpoint: &Endpoint, began: Instant) -> Attempt {
    let passed = || u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    match target.means {
        Means::Tcp => match dial::connect(endpoint).await {
            Ok(_) => page::in_time(&target.expected, passed()),
            Err(error) => of_dial(&error),
        },
        Means::Http | Means::Https => match http::fetch(target, endpoint).await {
            Ok(page) => page::compare(&target.expected, &page, passed()),
            Err(error) => of_fetch(error, passed()),
        },
        Means::Icmp => match echo(endpoint).await {
            Ok(()) => page::in_time(&target.expected, passed()),
            Err(PingError::NotAllowed(why)) => Attempt::Cannot(why.to_owned()),
            Err(PingError::Dial(error)) => of_dial(&error),
        },
    }
}

async fn echo(endpoint: &Endpoint) -> Result<(), PingError> {
    let mut last = PingError::Dial(DialError::Name);
    for address in dial::addresses(endpoint).await? {
        match tokio::time::timeout(KNOCK, ping::ping(address, 1)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = error,
            Err(_) => last = PingError::Dial(DialError::Timeout),
        }
    }
    Err(last)
}

fn of_dial(error: &DialError) -> Attempt {
    match error {
        DialError::Forbidden(_) => Attempt::Cannot(error.to_string()),
        DialError::Name
        | DialError::Refused
        | DialError::Timeout
        | DialError::Unreachable(_)
        | DialError::NoNetwork(_) => Attempt::Down { fault: error.fault(), detail: error.to_string() },
    }
}

fn of_fetch(error: FetchError, ms: u32) -> Attempt {
    let detail: String = error.to_string().chars().take(200).collect();
    match error {
        FetchError::Dial(error) => of_dial(&error),
        FetchError::Certificate(_) => Attempt::Restricted { fault: Fault::Tls, detail, ms },
        FetchError::Tls(_) => Attempt::Down { fault: Fault::Tls, detail },
        FetchError::Broken(_) => Attempt::Down { fault: Fault::Broken, detail },
        FetchError::Roots(_) => Attempt::Cannot(detail),
    }
}

/// Whether anybody is at an address, whatever he says.
pub async fn knock(means: Means, endpoint: &Endpoint) -> Knock {
    let tried = async {
        match means {
            Means::Icmp => match echo(endpoint).await {
                Ok(()) => Knock::Answered,
                Err(PingError::NotAllowed(_)) => Knock::Silent,
                Err(PingError::Dial(error)) => of_knock(&error),
            },
            Means::Tcp | Means::Http | Means::Https => match dial::connect(endpoint).await {
                Ok(_) => Knock::Answered,
                Err(error) => of_knock(&error),
            },
        }
    };
    tokio::time::timeout(KNOCK, tried).await.unwrap_or(Knock::Silent)
}

fn of_knock(error: &DialError) -> Knock {
    match error {
        DialError::Refused => Knock::Answered,
        DialError::NoNetwork(_) => Knock::NoNetwork,
        DialError::Name | DialError::Forbidden(_) | DialError::Timeout | DialError::Unreachable(_) => {
            Knock::Silent
        }
    }
}
