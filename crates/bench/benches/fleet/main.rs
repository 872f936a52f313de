//! Loads a large fleet file, without a mistake and with one, and counts the bytes that this
//! allocates. Fails if they are more than their limits, which do not depend on the machine. The
//! time is only printed.
//!
//! ```sh
//! cargo bench -p bench --bench fleet
//! ```

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use bench::docs;
use control_plane::Fleet;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Most bytes at a time, for each endpoint with two targets, beside the text. The fleet itself
/// takes about half of them.
const PEAK: usize = 500;

/// A fleet file of so many endpoints with two targets each. The last target has this capacity.
fn file(endpoints: u32, last_capacity: u32) -> String {
    let mut text = String::new();
    for endpoint in 0..endpoints {
        write!(text, "[[endpoint]]\nname = \"e{endpoint:06}.example\"\n").unwrap();
        for target in 0..2 {
            let number = endpoint * 2 + target;
            let (address, zone) = (Ipv4Addr::from_bits(0x0a00_0000 + number), number % 3);
            let is_last = number == endpoints * 2 - 1;
            let capacity = if is_last { last_capacity } else { 100 };
            write!(
                text,
                "[[endpoint.target]]\naddress = \"{address}\"\nzone = \"use1-az{zone}\"\ncapacity = {capacity}\n"
            )
            .unwrap();
        }
    }
    text
}

/// A row of the table: what it takes to load this text, which is good or not.
fn row(what: &str, text: &str, endpoints: usize, is_good: bool) -> String {
    let profiler = dhat::Profiler::builder().testing().build();
    let begun = Instant::now();
    let loaded = Fleet::parse(text, Path::new("fleet.toml"));
    let time = begun.elapsed();
    assert_eq!(loaded.is_ok(), is_good);
    let stats = dhat::HeapStats::get();
    drop(profiler);
    let peak = stats.max_bytes.div_ceil(endpoints);
    println!("{what}: {} ms", time.as_millis());
    assert!(peak <= PEAK, "{what}: {peak} bytes, more than {PEAK}");
    let (kept, text) = (
        stats.curr_bytes.div_ceil(endpoints),
        text.len().div_ceil(endpoints),
    );
    format!("| {what} | {text} | {peak} | {kept} | {PEAK} |\n")
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let endpoints: u32 = if test { 1_000 } else { 100_000 };
    let mut table =
        String::from("| file | text | most at a time | kept | limit |\n|---|---|---|---|---|\n");
    for (what, capacity) in [("good", 100), ("with a mistake at its end", 0)] {
        let fleet = file(endpoints, capacity);
        table += &row(what, &fleet, endpoints as usize, capacity > 0);
    }
    println!("Bytes for each endpoint:\n\n{table}");
    docs::put("fleet", &table);
}
