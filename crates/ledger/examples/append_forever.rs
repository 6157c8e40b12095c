//! Appends until it is killed and prints the number of each entry after its acknowledgement: the test
//! `killed` ends it at any moment and looks for every printed entry. Usage: `append_forever FOLDER`.

use std::io::Write as _;
use std::path::Path;

use yakujo_ledger::files::Ledger;
use yakujo_ledger::note::SigningKey;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: append_forever FOLDER")?;
    let folder = Path::new(&folder);
    let key = || SigningKey::from_seed("city.example/main", &[7; 32]);
    let mut ledger = match folder.join("checkpoint").exists() {
        true => Ledger::open(folder, key()?)?.0,
        false => Ledger::create(folder, key()?)?,
    };
    let mut out = std::io::stdout().lock();
    loop {
        let size = ledger.size();
        let batch: Vec<_> =
            (size..size + 1 + size % 7).map(|number| format!("{{\"entry\":{number}}}")).collect();
        for number in ledger.append(&batch)? {
            writeln!(out, "{number}")?;
        }
        out.flush()?;
        if size % 5 == 0 {
            ledger.integrate()?;
        }
    }
}
