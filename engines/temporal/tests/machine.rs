//! What the tests of the machine make cases of; they are a part of another package.

#![allow(dead_code, reason = "the tests of the machine use more of it")]

#[path = "../../../tests/machine/direct.rs"]
pub mod direct;
#[path = "../../../tests/machine/generate.rs"]
pub mod generate;
#[path = "../../../tests/machine/oracle.rs"]
pub mod oracle;
#[path = "../../../tests/machine/play.rs"]
pub mod play;
