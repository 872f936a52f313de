//! Checks that all Rust code on the page docs/loom.md is quoted from these files.

/// The files, and the page.
const FILES: [&str; 7] = [
    include_str!("bug.rs"),
    include_str!("explore.rs"),
    include_str!("half_fix.rs"),
    include_str!("fix.rs"),
    include_str!("orderings.rs"),
    include_str!("hidden.rs"),
    include_str!("primitives.rs"),
];
const PAGE: &str = include_str!("../../docs/loom.md");

/// The text of each block of Rust on the page.
fn blocks() -> Vec<&'static str> {
    let parts = PAGE.split("```rust\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

#[test]
fn each_block_of_code_is_in_a_file() {
    let blocks = blocks();
    assert!(
        blocks.len() >= 8,
        "the page quotes too little: {}",
        blocks.len()
    );
    for block in blocks {
        // A block may leave out lines. A line `// …` marks each gap.
        for part in block.split("// …\n") {
            assert!(
                FILES.iter().any(|file| file.contains(part.trim_end())),
                "docs/loom.md quotes code that is in no file:\n{part}"
            );
        }
    }
}
