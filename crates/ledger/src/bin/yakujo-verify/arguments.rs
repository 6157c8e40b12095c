//! The command line, read by hand: the verifier should hold as little of other people's code as possible.

use std::path::PathBuf;

/// Shown for `--help` and after a mistake.
pub const USAGE: &str = "\
使い方 / usage:
  yakujo-verify BUNDLE.yakujo [--policy FILE] [--head FILE]... [--json] [--lang ja|en]
      ファイルを検証します。方針と手元の記録は市が別に保管しているものを指定してください。
      Verifies a bundle against your own policy and the heads you kept.

  yakujo-verify keygen NAME [--out DIR]
      市の立会署名の鍵を作ります（NAME.key は秘密、NAME.vkey は相手に渡すもの）。
      Makes the key of the city's witness: NAME.key is secret, NAME.vkey is for the others.

  yakujo-verify cosign --key FILE --policy FILE --state DIR CHECKPOINT [--bundle BUNDLE.yakujo]
      チェックポイントが前回の続きであることを確かめてから立会署名します。
      CHECKPOINT を省き --bundle だけを指定すると、その中のチェックポイントに署名します。
      Cosigns a checkpoint after checking that it continues the one cosigned before.

終了コード / exit codes: 0 無傷 intact, 1 できなかった could not be done, 2 使い方の誤り wrong use,
3 検証の結果、改ざん・欠落・分岐など verified and found wanting";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Verify a bundle.
    Verify(Verify),
    /// Make a witness key.
    Keygen(Keygen),
    /// Cosign a checkpoint.
    Cosign(Cosign),
}

/// Arguments of the verification.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verify {
    pub bundle: PathBuf,
    pub policy: Option<PathBuf>,
    pub heads: Vec<PathBuf>,
    pub form: Form,
}

/// In which form the report is printed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Japanese and then English.
    #[default]
    Both,
    /// Japanese only.
    Japanese,
    /// English only.
    English,
    /// One JSON object.
    Json,
}

/// Arguments of `keygen`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Keygen {
    pub name: String,
    pub out: PathBuf,
}

/// Arguments of `cosign`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cosign {
    pub key: PathBuf,
    pub policy: PathBuf,
    pub state: PathBuf,
    pub checkpoint: Option<PathBuf>,
    pub bundle: Option<PathBuf>,
}

impl Command {
    /// Reads the arguments after the program's name.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
        let all: Vec<String> = arguments.collect();
        if all.is_empty() {
            return Err("a bundle to verify is needed".to_owned());
        }
        if all.iter().any(|argument| argument == "--help" || argument == "-h") {
            return Ok(Command::Help);
        }
        let mut rest = all.into_iter().peekable();
        if rest.next_if(|first| first == "keygen").is_some() {
            return keygen(rest).map(Command::Keygen);
        }
        if rest.next_if(|first| first == "cosign").is_some() {
            return cosign(rest).map(Command::Cosign);
        }
        verify(rest).map(Command::Verify)
    }
}

fn verify(mut rest: impl Iterator<Item = String>) -> Result<Verify, String> {
    let mut verify = Verify::default();
    let mut bundle = None;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--policy" => verify.policy = Some(value(&mut rest, "--policy")?.into()),
            "--head" => verify.heads.push(value(&mut rest, "--head")?.into()),
            "--json" => verify.form = Form::Json,
            "--lang" => {
                let language = match value(&mut rest, "--lang")?.as_str() {
                    "ja" => Form::Japanese,
                    "en" => Form::English,
                    other => return Err(format!("--lang is ja or en, not `{other}`")),
                };
                if verify.form != Form::Json {
                    verify.form = language;
                }
            }
            _ => place(&mut bundle, argument)?,
        }
    }
    verify.bundle = bundle.ok_or("a bundle to verify is needed")?;
    Ok(verify)
}

fn keygen(mut rest: impl Iterator<Item = String>) -> Result<Keygen, String> {
    let mut out = PathBuf::from(".");
    let mut name = None;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--out" => out = value(&mut rest, "--out")?.into(),
            other if other.starts_with('-') => return Err(format!("unknown option `{other}`")),
            _ if name.is_some() => return Err("only one name".to_owned()),
            _ => name = Some(argument),
        }
    }
    Ok(Keygen { name: name.ok_or("a name for the key is needed, like city.example.jp/witness")?, out })
}

fn cosign(mut rest: impl Iterator<Item = String>) -> Result<Cosign, String> {
    let (mut key, mut policy, mut state, mut bundle) = (None, None, None, None);
    let mut checkpoint = None;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--key" => key = Some(value(&mut rest, "--key")?.into()),
            "--policy" => policy = Some(value(&mut rest, "--policy")?.into()),
            "--state" => state = Some(value(&mut rest, "--state")?.into()),
            "--bundle" => bundle = Some(value(&mut rest, "--bundle")?.into()),
            _ => place(&mut checkpoint, argument)?,
        }
    }
    if checkpoint.is_none() && bundle.is_none() {
        return Err("a checkpoint (or a bundle with one) is needed".to_owned());
    }
    Ok(Cosign {
        key: key.ok_or("cosign needs --key")?,
        policy: policy.ok_or("cosign needs --policy, the keys you trust")?,
        state: state.ok_or("cosign needs --state, the folder that remembers what was cosigned")?,
        checkpoint,
        bundle,
    })
}

fn value(rest: &mut impl Iterator<Item = String>, option: &str) -> Result<String, String> {
    rest.next().ok_or_else(|| format!("{option} needs a value"))
}

fn place(slot: &mut Option<PathBuf>, argument: String) -> Result<(), String> {
    if argument.starts_with('-') {
        return Err(format!("unknown option `{argument}`"));
    }
    if slot.is_some() {
        return Err(format!("one file too many: `{argument}`"));
    }
    *slot = Some(argument.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_documented_forms_are_understood() {
        let Ok(Command::Verify(verify)) = parse("a.yakujo --head 1 --policy p --head 2 --json --lang ja")
        else {
            panic!()
        };
        assert_eq!((verify.bundle, verify.policy), ("a.yakujo".into(), Some("p".into())));
        assert_eq!((verify.heads.len(), verify.form), (2, Form::Json));
        assert!(matches!(parse("keygen city/w --out d"), Ok(Command::Keygen(_))));
        assert!(matches!(parse("cosign --key k --policy p --state s c"), Ok(Command::Cosign(_))));
        assert_eq!(parse("--help"), Ok(Command::Help));
    }

    #[test]
    fn wrong_use_is_refused() {
        for line in ["", "a b", "--policy", "a --what", "a --lang fr", "keygen", "cosign c", "keygen a b"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
