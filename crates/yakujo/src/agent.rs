//! `yakujo agent`: observes this host for a server elsewhere.

use crate::arguments::{Agent, AgentPart, PartOf};
use anyhow::Context;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use yakujo_agent::parts::collect::Turn;
use yakujo_agent::parts::supervise::{Plan, supervise};
use yakujo_agent::parts::{self, Part};
use yakujo_agent::reach::Question;

const NO_RUNTIME: &str = "the asynchronous runtime cannot be started";

/// Enrols at the first start, then runs its parts until Ctrl-C.
pub fn run(data: &Path, arguments: &Agent) -> anyhow::Result<ExitCode> {
    // One thread: the kernel ends the parts with the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    runtime.context(NO_RUNTIME)?.block_on(async {
        let folder = data.join("agent");
        if let (Some(server), Some(file)) = (&arguments.server, &arguments.code_file) {
            enrol(&folder, server, read_code(file)?).await?;
        }
        anyhow::ensure!(
            yakujo_agent::enrol::is_enrolled(&folder),
            "this host is not enrolled: get a code with `yakujo host enrol NAME` on the server, then \
             `yakujo agent --server https://SERVER:8443 --code-file FILE`"
        );
        parts::confine::unreadable()?;
        let end = crate::up::ended();
        supervise(plan(data, folder)?, end).await.context("the agent has ended")?;
        Ok(ExitCode::SUCCESS)
    })
}

/// How the parts are started: by this program, even where its file was replaced meanwhile.
fn plan(data: &Path, folder: PathBuf) -> anyhow::Result<Plan> {
    let data = std::path::absolute(data)?;
    let words = |further: &[&str]| -> Vec<OsString> {
        let own = ["/proc/self/exe", "--data"].map(OsString::from);
        own.into_iter().chain([data.clone().into()]).chain(further.iter().map(OsString::from)).collect()
    };
    let hand = crate::act::may_start().then(|| words(&["act"]));
    Ok(Plan { folder, part: words(&["part"]), gate: words(&["gate"]), reach: words(&["reach"]), hand })
}

/// Runs one part until it is told to end.
pub fn part(data: &Path, arguments: &PartOf) -> anyhow::Result<ExitCode> {
    let folder = data.join("agent");
    let part: Part = arguments.part.into();
    yakujo_agent::parts::end_with(arguments.parent)
        .context("a part is started by `yakujo agent`, not by hand")?;
    yakujo_agent::parts::confine::confine(part, &folder)?;
    let mut settings = settings(&folder, None);
    settings.sources.gate_socket = Some(parts::gate_socket(&folder));
    settings.sources.reach_socket = Some(parts::reach_socket(&folder));
    settings.hand = crate::act::hand_of_parts(&folder);
    runtime()?.block_on(async {
        let end = crate::up::ended();
        match part {
            Part::Keep => parts::apart::keep(settings, end).await?,
            Part::Collect if arguments.again => parts::collect::run(settings, Turn::Again, end).await?,
            Part::Collect => parts::collect::run(settings, Turn::First, end).await?,
            Part::Save => parts::apart::save(settings, end).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Answers one question of the collector: on standard input, on standard output.
pub fn reach(data: &Path) -> anyhow::Result<ExitCode> {
    let (text, _) = yakujo_agent::act::line::receive(std::io::stdin()).context("standard input")?;
    let question: Question = serde_json::from_slice(&text).context("this is no question")?;
    let mut sources = yakujo_agent::reading::Sources::of_this_host();
    sources.settings = yakujo_agent::settings::load(&data.join("agent"))?;
    parts::confine::reach(&question)?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &yakujo_agent::reach::answer(&sources, &question))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Few threads: what each of them once used of memory stays with it.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(8).enable_all();
    builder.build().context(NO_RUNTIME)
}

impl From<AgentPart> for Part {
    fn from(part: AgentPart) -> Self {
        match part {
            AgentPart::Keep => Self::Keep,
            AgentPart::Collect => Self::Collect,
            AgentPart::Save => Self::Save,
        }
    }
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

/// Starts observing this host within the server's process.
pub async fn start(folder: &Path, intake: SocketAddr) -> anyhow::Result<yakujo_agent::Handle> {
    let mut settings = settings(folder, Some(intake));
    settings.hand = folder.parent().and_then(crate::act::hand);
    yakujo_agent::start(settings).await.context("the agent cannot be started")
}

/// How this host is observed; `intake` is given where the server runs in the same process.
fn settings(folder: &Path, intake: Option<SocketAddr>) -> yakujo_agent::Settings {
    let home = if intake.is_some() { yakujo_agent::Home::WithServer } else { yakujo_agent::Home::Parts };
    let mut sources = yakujo_agent::reading::Sources::of_this_host();
    sources.support_table = Some(folder.join("support.toml"));
    yakujo_agent::Settings {
        folder: folder.to_owned(),
        intake,
        sources,
        clock: std::sync::Arc::new(jiff::Timestamp::now),
        home,
        hand: None,
    }
}
