mod invitations;
mod login;
mod model;
mod scopes;
mod sessions;
mod store;
mod tokens;
mod users;

use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use crate::{AccessStore, GroupName, NewUser, Password, User, UserName};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A database in a folder of its own.
pub(crate) struct Fresh {
    pub folder: TempDir,
    pub store: AccessStore,
}

pub(crate) fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = AccessStore::open(&folder.path().join("server.db")).unwrap();
    Fresh { folder, store }
}

/// A time so many seconds after the one that the tests begin with.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn later(time: Timestamp, length: Duration) -> Timestamp {
    time.checked_add(length).unwrap()
}

pub(crate) fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

pub(crate) fn group(text: &str) -> GroupName {
    GroupName::new(text).unwrap()
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// Creates a user without a password, which would take long.
pub(crate) fn user(store: &AccessStore, text: &str, is_admin: bool) -> User {
    let new = NewUser {
        name: name(text),
        display_name: String::new(),
        email: None,
        password: None,
        is_admin,
    };
    store.create_user(&new, at(0)).unwrap()
}

/// Creates a user with [`PASSWORD`].
pub(crate) fn user_with_password(store: &AccessStore, text: &str) -> User {
    let created = user(store, text, false);
    store
        .set_password(&created.name, &password(PASSWORD), None, at(0))
        .unwrap();
    created
}
