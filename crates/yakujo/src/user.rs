//! `yakujo user`.

use crate::arguments::User;
use crate::console::ask;
use std::path::Path;
use std::process::ExitCode;
use yakujo_server::console::{Ask, UserRow};

/// Runs the command.
pub fn run(data: &Path, arguments: &User) -> anyhow::Result<ExitCode> {
    match arguments {
        User::List(list) => {
            let rows: Vec<UserRow> = ask(data, &list.contract, &Ask::Users)?;
            if list.json {
                println!("{}", serde_json::to_string(&rows)?);
                return Ok(ExitCode::SUCCESS);
            }
            for row in rows {
                let state = match (row.left, row.ready) {
                    (Some(_), _) => "退任",
                    (None, true) => "利用可",
                    (None, false) => "未設定",
                };
                let name = row.name.unwrap_or_else(|| "（消去済み）".to_owned());
                println!("{:<16} {:<14} {state}  {name}", row.login, row.role);
            }
        }
        User::Add(add) => {
            let ask_for = Ask::UserAdd {
                login: add.login.clone(),
                name: add.name.clone(),
                role: add.role.clone(),
                post: add.post.clone(),
                until: add.until,
            };
            println!("{}", ask::<String>(data, &add.contract, &ask_for)?);
        }
        User::Link(link) => {
            println!(
                "{}",
                ask::<String>(data, &link.contract, &Ask::UserLink { login: link.login.clone() })?
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
