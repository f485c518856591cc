//! The integration tests.
#[test]
fn t() {}
