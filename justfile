# What a maintainer does from day to day. `just` lists it; `just NAME` does it.
# Every recipe is a plain command that works without `just` as well.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Lists the recipes.
default:
    @just --list --unsorted

# Compiles everything without making programs: the fastest answer.
check:
    cargo check --workspace --all-targets

# Runs all tests, or those whose names contain FILTER.
test *FILTER:
    cargo test --workspace -- {{ FILTER }}

# Formats the Rust code and the examples of the language.
fmt:
    cargo fmt --all
    cargo run --quiet -- fmt examples stdlib

# Checks formatting, clippy and the shell scripts.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    shellcheck .ci/run .ci/editors .ci/install fuzz/seed install.sh

# Writes changed snapshots, and shows what changed: review it like code.
bless *FILTER:
    INSTA_UPDATE=always cargo test --workspace -- {{ FILTER }}
    git status --short -- '*.snap'
    git diff --stat -- '*.snap'

# Checks licences, sources and duplicates of the dependencies; with the network, advisories too.
deny *CHECKS="licenses bans sources":
    cargo deny --locked check {{ CHECKS }}

# Builds the documentation of the library.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Measures; BENCH is a file of benches/ without its ending.
bench BENCH *ARGS:
    cargo bench --bench {{ BENCH }} -- {{ ARGS }}

# Fuzzes TARGET (parse, check, fmt, lint, plan, journal) for SECONDS: see fuzz/README.md.
fuzz TARGET SECONDS="60":
    fuzz/seed
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{ TARGET }} -- \
      -max_total_time={{ SECONDS }} -timeout=20 -rss_limit_mb=4096 -dict=fuzz/corpus/deploy.dict

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
