//! The server: its doors, its offices, and what it does by itself.

use crate::intake::Rate;
use crate::office::{FirstLink, Office, OfficeError};
use crate::settings::{Settings, private_folder};
use crate::tls::{Authority, TlsError, WithPeer};
use axum_server::Handle;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::{HostSilence, ServerStart, ServerStop, SessionClose};
use yakujo_contract::id::ContractId;

/// Whoever connects and then says nothing, or only half a request, is let go after this.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// The same between requests of one connection. Agents speak every 15 seconds.
const NEXT_REQUEST: Duration = Duration::from_secs(40);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder.
    #[error("the data folder {0} cannot be used")]
    Data(PathBuf, #[source] std::io::Error),
    /// An address.
    #[error("{0} cannot be listened on: is another yakujo running? choose another with --listen")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A contract.
    #[error("the contract in {0} cannot be opened")]
    Office(PathBuf, #[source] OfficeError),
}

/// Everything the handlers share.
pub struct House {
    offices: BTreeMap<ContractId, Arc<Office>>,
    /// The certification authority.
    pub authority: Authority,
    /// Requests per host.
    pub rate: Rate,
    /// Where agents report, as `host:port`.
    pub intake: String,
    /// Address of the portal.
    pub portal: SocketAddr,
}

impl House {
    /// One contract.
    #[must_use]
    pub fn office(&self, id: &str) -> Option<Arc<Office>> {
        self.offices.iter().find(|(known, _)| known.as_str() == id).map(|(_, office)| office.clone())
    }

    /// All contracts of this server. Only programs that serve all of them may ask.
    pub fn offices(&self) -> impl Iterator<Item = Arc<Office>> + '_ {
        self.offices.values().cloned()
    }
}

/// A running server.
pub struct Running {
    /// Address of the portal.
    pub portal: SocketAddr,
    /// Address of the intake.
    pub intake: SocketAddr,
    /// Links of the first people, at the first start.
    pub first_links: Vec<(ContractId, FirstLink)>,
    /// What the handlers share.
    pub house: Arc<House>,
    doors: Vec<Handle<SocketAddr>>,
    tasks: JoinSet<()>,
    end: watch::Sender<()>,
}

impl Running {
    /// Starts the server.
    ///
    /// # Errors
    /// Any [`StartError`].
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let now = (settings.clock)();
        let folder = settings.data.clone();
        private_folder(&folder).map_err(|error| StartError::Data(folder.clone(), error))?;
        let authority = Authority::open(&folder.join("ca"), now)?;
        let (portal, intake) = listeners(settings.listen)?;
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| StartError::Listen(settings.listen, error))
        };
        let (portal_address, intake_address) = (address(&portal)?, address(&intake)?);
        let names = names(&settings, portal_address);
        let portal_tls = authority.portal(&folder.join("ca"), &names, now)?;
        let intake_tls = authority.intake(&folder.join("ca"), &names, now)?;
        let (offices, first_links) = open_offices(&settings).await?;
        let house = Arc::new(House {
            offices,
            authority,
            rate: Rate::default(),
            intake: intake_address.to_string(),
            portal: portal_address,
        });
        let mut tasks = JoinSet::new();
        let mut doors = Vec::new();
        let routers = [
            (portal, portal_tls, portal_router(&house, &settings)),
            (intake, intake_tls, crate::routes::intake(house.clone())),
        ];
        for (listener, tls, router) in routers {
            let door = Handle::new();
            let failed = |error| StartError::Listen(settings.listen, error);
            tasks.spawn(serve(listener, tls, router, door.clone()).map_err(failed)?);
            doors.push(door);
        }
        let (end, ended) = watch::channel(());
        let (console, data, mut ending) = (house.clone(), folder.clone(), ended.clone());
        tasks.spawn(async move {
            tokio::select! {
                _ = ending.changed() => {}
                closed = crate::console::listen(console, &data) => {
                    if let Err(error) = closed {
                        tracing::error!("the console socket closed: {error}");
                    }
                }
            }
        });
        tasks.spawn(crate::feeds::follow(house.offices().collect(), folder, ended.clone()));
        for office in house.offices() {
            begin_watch(&office).await;
            tasks.spawn(crate::probing::probe(office.clone(), settings.clock.clone(), ended.clone()));
            tasks.spawn(crate::outside::look(office.clone(), ended.clone()));
            tasks.spawn(crate::notices::tell(office.clone(), ended.clone()));
            tasks.spawn(crate::notices::mail::send_until(office.clone(), ended.clone()));
            tasks.spawn(crate::notices::webhook::send_until(office.clone(), ended.clone()));
            tasks.spawn(tend(office, house.clone(), ended.clone()));
        }
        Ok(Self { portal: portal_address, intake: intake_address, first_links, house, doors, tasks, end })
    }

    /// Ends in good order: doors close, every office keeps its snapshot.
    pub async fn stop(mut self) {
        for door in &self.doors {
            door.graceful_shutdown(Some(Duration::from_secs(2)));
        }
        // Nobody listening means that every task has ended already.
        let _ = self.end.send(());
        while self.tasks.join_next().await.is_some() {}
        for office in self.house.offices() {
            let stop = Fact::ServerStop(ServerStop { reason: "stopped by its operator".to_owned() });
            if let Err(error) = office.state(None, stop).await {
                tracing::warn!("the end could not be recorded: {error}");
            }
            office.stop().await;
        }
    }
}

/// Serves one door until its handle closes it.
fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: axum::Router,
    door: Handle<SocketAddr>,
) -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut server = axum_server::from_tcp(listener)?
        .acceptor(WithPeer::new(tls))
        .first_request_timeout(FIRST_REQUEST)
        .handle(door);
    server.http_builder().http1().header_read_timeout(NEXT_REQUEST);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(async move {
        if let Err(error) = server.serve(service).await {
            tracing::error!("a door of the server closed: {error}");
        }
    })
}

/// Pages for people, and on the same door the enrolment of agents, who have no certificate yet.
fn portal_router(house: &Arc<House>, settings: &Settings) -> axum::Router {
    let portal = crate::pages::door::Portal {
        offices: house.offices.clone(),
        clock: settings.clock.clone(),
        authority: house.authority.fingerprint().into(),
    };
    let enrolment = crate::routes::enrolment(house.clone()).layer(axum::middleware::map_response(secured));
    crate::routes::router(Arc::new(portal)).merge(enrolment)
}

/// What stands on the portal's door answers with the portal's headers.
async fn secured(mut response: axum::response::Response) -> axum::response::Response {
    crate::pages::frame::secure(response.headers_mut());
    response
}

/// The portal's listener and, on the next port, the intake's.
fn listeners(listen: SocketAddr) -> Result<(TcpListener, TcpListener), StartError> {
    let failed = |address| move |error| StartError::Listen(address, error);
    let bind = |address: SocketAddr| {
        let listener = TcpListener::bind(address).map_err(failed(address))?;
        listener.set_nonblocking(true).map_err(failed(address))?;
        Ok::<_, StartError>(listener)
    };
    let next = |port: u16| if port == 0 { 0 } else { port.saturating_add(1) };
    Ok((bind(listen)?, bind(SocketAddr::new(listen.ip(), next(listen.port())))?))
}

fn names(settings: &Settings, address: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    names.push(settings.this_host.clone());
    names.sort();
    names.dedup();
    names
}

type Opened = (BTreeMap<ContractId, Arc<Office>>, Vec<(ContractId, FirstLink)>);

async fn open_offices(settings: &Settings) -> Result<Opened, StartError> {
    let contracts = settings.data.join("contracts");
    let failed = |error| StartError::Data(contracts.clone(), error);
    private_folder(&contracts).map_err(failed)?;
    let mut folders: Vec<PathBuf> = Vec::new();
    for found in std::fs::read_dir(&contracts).map_err(failed)? {
        let path = found.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    if folders.is_empty() {
        folders.push(contracts.join("main"));
    }
    let (mut offices, mut links) = (BTreeMap::new(), Vec::new());
    for folder in folders {
        let founded = Office::found(&folder, settings).await;
        let (office, first) = founded.map_err(|error| StartError::Office(folder, error))?;
        links.extend(first.into_iter().map(|link| (office.id().clone(), link)));
        offices.insert(office.id().clone(), Arc::new(office));
    }
    Ok((offices, links))
}

/// Records the start with the time nobody watched, and expects every enrolled host from now on.
async fn begin_watch(office: &Office) {
    let now = office.now();
    let last_alive = std::fs::read_to_string(office.folder().join("alive")).ok();
    let last_alive = last_alive.and_then(|text| text.trim().parse::<Timestamp>().ok());
    let start = ServerStart { version: env!("CARGO_PKG_VERSION").to_owned(), last_alive };
    if let Err(error) = office.state(None, Fact::ServerStart(start)).await {
        tracing::error!("the start could not be recorded: {error}");
    }
    match office.people.devices().await {
        Ok(devices) => {
            for device in devices.iter().filter(|device| device.is_in_force(now)) {
                let court = office.court();
                let known = court.evidence().hosts.get(&device.host);
                office.watch.expect(&device.host, now, known.and_then(Host::silent_since));
            }
        }
        Err(error) => tracing::error!("the devices of {} cannot be read: {error}", office.id()),
    }
}

/// What a server does by itself for one contract until it ends.
async fn tend(office: Arc<Office>, house: Arc<House>, mut ended: watch::Receiver<()>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = second.tick() => {}
        }
        office.tick().await;
        silences(&office).await;
        if let Err(error) = house.authority.renew(office.now()) {
            tracing::error!("the portal's certificate could not be renewed: {error}");
        }
        if count.is_multiple_of(10) {
            alive(&office);
            expired_sessions(&office).await;
        }
        if count.is_multiple_of(300) || count == 3 {
            crate::doors::check(&office, &house).await;
        }
        count = count.wrapping_add(1);
    }
}

fn alive(office: &Office) {
    let file = office.folder().join("alive");
    if let Err(error) = crate::settings::write_private(&file, office.now().to_string().as_bytes()) {
        tracing::warn!("{} cannot be written: {error}", file.display());
    }
}

async fn silences(office: &Office) {
    let now = office.now();
    for (host, since) in office.watch.newly_silent(now) {
        let silence = Fact::HostSilence(HostSilence { since });
        match office.state(Some(host.clone()), silence).await {
            Ok(_) => office.watch.is_silent(&host, since),
            Err(error) => tracing::error!("a silence could not be recorded: {error}"),
        }
    }
}

async fn expired_sessions(office: &Office) {
    let limits = office.session_limits();
    let expired = match office.people.take_expired(&limits, office.now()).await {
        Ok(expired) => expired,
        Err(error) => return tracing::error!("sessions cannot be looked at: {error}"),
    };
    for (session, reason) in expired {
        let close = SessionClose { person: session.person.id, session: session.name, reason };
        if let Err(error) = office.state(None, Fact::SessionClose(close)).await {
            tracing::error!("the end of a session could not be recorded: {error}");
        }
    }
}
