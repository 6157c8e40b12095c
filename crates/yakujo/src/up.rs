//! `yakujo up` and `yakujo serve`.

use crate::arguments::Up;
use anyhow::Context;
use jiff::Timestamp;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use yakujo_contract::act::Environment;
use yakujo_contract::entry::Party;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;

/// Everything for one machine, until Ctrl-C.
pub fn up(data: &Path, arguments: &Up) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let running = start(data, arguments).await?;
        let agent = observe(data, &running).await.context("this host cannot be observed")?;
        tell(data, &running);
        ended().await?;
        agent.stop().await;
        running.stop().await;
        println!("約定を終了しました。記録は {} にあります。", data.display());
        Ok(ExitCode::SUCCESS)
    })
}

/// The server alone, until Ctrl-C.
pub fn serve(data: &Path, arguments: &Up) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let running = start(data, arguments).await?;
        tell(data, &running);
        ended().await?;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().context("the asynchronous runtime cannot be started")
}

async fn start(data: &Path, arguments: &Up) -> anyhow::Result<Running> {
    crate::paper::install();
    let settings = Settings {
        data: data.to_owned(),
        listen: arguments.listen,
        clock: Arc::new(Timestamp::now),
        this_host: this_host(),
    };
    Running::start(settings).await.context("the server cannot be started")
}

/// The machine's name as a host id.
pub fn this_host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' };
    let name: String = name.trim().to_ascii_lowercase().chars().map(plain).take(48).collect();
    if name.is_empty() { "this-host".to_owned() } else { name }
}

/// Enrols this machine's agent at the first start and runs it in the same process.
async fn observe(data: &Path, running: &Running) -> anyhow::Result<yakujo_agent::Handle> {
    let office = running.house.office("main").or_else(|| running.house.offices().next());
    let office = office.context("the server holds no contract")?;
    let folder = data.join("agent");
    if !yakujo_agent::enrol::is_enrolled(&folder) {
        let host = this_host().parse()?;
        let system = "main".parse()?;
        let code = yakujo_server::console::enrol(&office, host, system, Environment::Production).await;
        let code = code.map_err(anyhow::Error::msg)?;
        let code = format!("{}@{}", &*code, running.house.authority.fingerprint());
        crate::agent::enrol(&folder, &format!("https://{}", running.portal), code).await?;
    }
    crate::agent::start(&folder, running.intake).await
}

fn tell(data: &Path, running: &Running) {
    println!(
        "約定 (yakujo {}) を開始しました。終了するには Ctrl-C を押してください。",
        env!("CARGO_PKG_VERSION")
    );
    for office in running.house.offices() {
        println!("  画面        https://{}/c/{}", running.portal, office.id());
    }
    println!("  受付口      {}", running.intake);
    println!("  データ      {}", data.display());
    println!("  認証局の指紋 {}", running.house.authority.fingerprint());
    for (contract, link) in &running.first_links {
        let whose = match link.party {
            Party::City => "市の最初の方    ",
            Party::Contractor => "受託者の最初の方",
            Party::Auditor => "監査人          ",
        };
        let url = format!("https://{}/c/{contract}/link/{}", running.portal, &*link.secret);
        println!("  {whose} {url} （サインイン名 {}、24時間・1回限り）", link.login);
    }
}

/// Waits for Ctrl-C, or for the service manager's word to end.
pub async fn ended() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
