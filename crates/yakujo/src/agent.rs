//! `yakujo agent`: observes this host for a server elsewhere.

use crate::arguments::Agent;
use anyhow::Context;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// Enrols at the first start, then runs until Ctrl-C.
pub fn run(data: &Path, arguments: &Agent) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let folder = data.join("agent");
        if let (Some(server), Some(file)) = (&arguments.server, &arguments.code_file) {
            enrol(&folder, server, read_code(file)?).await?;
        }
        anyhow::ensure!(
            yakujo_agent::enrol::is_enrolled(&folder),
            "this host is not enrolled: get a code with `yakujo host enrol NAME` on the server, then \
             `yakujo agent --server https://SERVER:8443 --code-file FILE`"
        );
        let agent = start(&folder, None).await?;
        crate::up::ended().await?;
        agent.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Few threads: what each of them once used of memory stays with it.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(8).enable_all();
    builder.build().context("the asynchronous runtime cannot be started")
}

fn read_code(file: &Path) -> anyhow::Result<String> {
    let mut code = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(4096).read_to_string(&mut code)?;
    } else {
        code = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    }
    Ok(code.trim().to_owned())
}

/// Enrols with a code.
pub async fn enrol(folder: &Path, server: &str, code: String) -> anyhow::Result<()> {
    let (folder, server) = (folder.to_owned(), server.to_owned());
    let enrolled = tokio::task::spawn_blocking(move || yakujo_agent::enrol::enrol(&folder, &server, &code));
    let enrolled = enrolled.await?.context("enrolment failed")?;
    tracing::info!("this host is enrolled as {}", enrolled.host);
    Ok(())
}

/// Starts observing this host; `intake` is given where the server runs in the same process.
pub async fn start(folder: &Path, intake: Option<SocketAddr>) -> anyhow::Result<yakujo_agent::Handle> {
    let home = if intake.is_some() { yakujo_agent::Home::WithServer } else { yakujo_agent::Home::Alone };
    let mut sources = yakujo_agent::reading::Sources::of_this_host();
    sources.support_table = Some(folder.join("support.toml"));
    let settings = yakujo_agent::Settings {
        folder: folder.to_owned(),
        intake,
        sources,
        clock: std::sync::Arc::new(jiff::Timestamp::now),
        home,
        hand: folder.parent().and_then(crate::act::hand),
    };
    yakujo_agent::start(settings).await.context("the agent cannot be started")
}
