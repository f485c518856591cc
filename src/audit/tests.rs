//! Audits of traces that were tampered with.
