//! `yakujo host`.

use crate::arguments::Host;
use crate::console::ask;
use anyhow::Context;
use std::path::Path;
use std::process::ExitCode;
use yakujo_contract::standing::jst;
use yakujo_server::console::{Ask, HostRow};

/// Runs the command.
pub fn run(data: &Path, arguments: &Host) -> anyhow::Result<ExitCode> {
    match arguments {
        Host::List(list) => {
            let rows: Vec<HostRow> = ask(data, &list.contract, &Ask::Hosts)?;
            if list.json {
                println!("{}", serde_json::to_string(&rows)?);
                return Ok(ExitCode::SUCCESS);
            }
            for row in rows {
                let last = row.last.map_or_else(|| "報告なし".to_owned(), jst);
                println!(
                    "{:<24} {:<12} {last:<24} {}",
                    row.host,
                    row.system.unwrap_or_default(),
                    row.devices.join(" ")
                );
            }
        }
        Host::Enrol(enrol) => {
            let environment = serde_json::from_value(serde_json::Value::String(enrol.environment.clone()))
                .with_context(|| format!("`{}`: write production, test or maintenance", enrol.environment))?;
            let ask_for =
                Ask::HostEnrol { host: enrol.host.clone(), system: enrol.system.clone(), environment };
            println!("{}", ask::<String>(data, &enrol.contract, &ask_for)?);
        }
        Host::Revoke(revoke) => {
            let ask_for = Ask::HostRevoke { device: revoke.device.clone(), reason: revoke.reason.clone() };
            ask::<String>(data, &revoke.contract, &ask_for)?;
            println!("{} は失効しました。", revoke.device);
        }
        Host::Release => return crate::act::release(data),
    }
    Ok(ExitCode::SUCCESS)
}
