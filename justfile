# What a maintainer does from day to day. `just` lists it; `just NAME` does it.
# Every recipe is a plain command that works without `just` as well.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Lists the recipes.
default:
    @just --list --unsorted

# Compiles everything without making programs: the fastest answer.
check:
    cargo check --all-targets

# Runs all tests, or those whose names contain FILTER.
test *FILTER:
    cargo test -- {{ FILTER }}

# Formats the Rust code and the examples of the language.
fmt:
    cargo fmt --all
    cargo run --quiet -- fmt examples stdlib

# Checks formatting, clippy and the shell scripts.
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    shellcheck --external-sources install.sh .ci/run .ci/editors .ci/install .ci/archive .ci/cross \
      .ci/need.sh .ci/targets/* fuzz/seed fuzz/run

# Writes changed snapshots, and shows what changed: review it like code.
bless *FILTER:
    INSTA_UPDATE=always cargo test -- {{ FILTER }}
    git status --short -- '*.snap'
    git diff --stat -- '*.snap'

# Checks licences, sources and duplicates of the dependencies; with the network, advisories too.
deny *CHECKS="licenses bans sources":
    cargo deny --locked check {{ CHECKS }}

# Builds the documentation of the library.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# Measures; BENCH is a file of benches/ without its ending.
bench BENCH *ARGS:
    cargo bench --bench {{ BENCH }} -- {{ ARGS }}

# Measures the release build beside other programs; ROWS are those of `benches/compare --list`.
compare *ROWS:
    cargo build --release
    benches/compare {{ ROWS }}

# Compares the instructions that the release build executes with those of benches/counts.txt.
counts *ROWS:
    cargo build --release
    benches/counts {{ ROWS }}

# Fuzzes TARGETS (parse, check, fmt, lint, plan, journal; all without any), each for SECONDS.
fuzz SECONDS="60" *TARGETS:
    fuzz/run {{ SECONDS }} {{ TARGETS }}

# Type-checks for another system, without its C compiler: see .ci/cross.
cross:
    .ci/cross

# Everything that must hold before a change is taken.
ci:
    .ci/run

# Lists what the package would hold, and builds it as crates.io would, without publishing.
release-dry-run:
    cargo package --list --allow-dirty
    cargo publish --workspace --dry-run --locked --allow-dirty
    .ci/install
