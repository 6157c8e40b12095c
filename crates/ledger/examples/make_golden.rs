//! Writes the golden bundles: `cargo run -p yakujo-ledger --example make_golden -- DIR`.
//!
//! Keys, times and entries are fixed, so that the same files come out each time (`tests/golden.rs` checks that).

#![expect(clippy::indexing_slicing, reason = "it makes fixed samples; a wrong index must stop it")]

#[path = "../tests/golden_files/mod.rs"]
mod golden_files;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs/formats/golden/bundles".to_owned());
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    for (name, bytes) in golden_files::all() {
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).expect("the file can be written");
    }
}
