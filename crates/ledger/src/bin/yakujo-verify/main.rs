//! The city's verifier: checks a bundle against the city's own policy and the heads it kept, makes the key of the
//! city's witness, and cosigns heads. It needs no server and no network.

mod arguments;
mod cosign;
mod file;
mod keygen;
mod verify;

use arguments::{Command, USAGE};
use std::process::ExitCode;

/// 0 done and intact, 1 could not be done, 2 wrong use, 3 verified and found wanting.
fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(wrong) => {
            eprintln!("yakujo-verify: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Help => {
            println!("{USAGE}");
            Ok(0)
        }
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Cosign(arguments) => cosign::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("yakujo-verify: {error}");
            ExitCode::from(1)
        }
    }
}
