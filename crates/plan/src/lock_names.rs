//! The names of locks: those of infrastructures and those that a program names itself are never the
//! same.

use lockstep_base::source::Name;

/// The name of an infrastructure's lock.
pub fn infrastructure_lock(name: impl std::fmt::Display) -> Name {
    Name::from(format!("{INFRASTRUCTURE_LOCK}{name}"))
}

/// The name of a lock that a program names itself; never that of an infrastructure.
pub fn named_lock(name: impl std::fmt::Display) -> Name {
    Name::from(format!("{NAMED_LOCK}{name}"))
}

/// What people call a lock: the infrastructure, or what the program names it.
pub fn lock_for_people(name: &str) -> &str {
    let named = name.strip_prefix(INFRASTRUCTURE_LOCK);
    let named = named.or_else(|| name.strip_prefix(NAMED_LOCK));
    named.unwrap_or(name)
}

const INFRASTRUCTURE_LOCK: &str = "infrastructure ";
const NAMED_LOCK: &str = "lock ";
