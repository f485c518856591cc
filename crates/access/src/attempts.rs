//! How often a password may be tried.
//!
//! Failures are counted for three subjects: a name at one address, an address, and a name wherever
//! it is tried from. Once there are too many, each further one doubles the time until the next try,
//! up to a quarter of an hour. The names of users who do not exist are counted like all others.
//!
//! Where a user has logged in lately from the same address, only the first of the three holds:
//! otherwise any stranger could lock a user out, and anybody behind an address that many share all
//! of them.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;

use crate::credential;
use crate::error::AccessError;
use crate::store::{self, AccessStore};

/// How many failures are free of delay.
const FREE_OF_PAIR: i64 = 5;
const FREE_OF_CLIENT: i64 = 20;
const FREE_OF_NAME: i64 = 50;
/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(15 * 60);
/// After this time without a failure, those before are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long an address is known as a user's.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A try to log in that was counted and is not over: until [`AccessStore::attempt_succeeded`] it
/// counts as a failure, so that many tries at once are no way around the limits.
#[derive(Debug)]
pub struct LoginAttempt {
    pair: [u8; 32],
    client: [u8; 32],
    name: [u8; 32],
}

/// What is stored of a subject.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    failures: i64,
    failed_ms: i64,
    succeeded_ms: Option<i64>,
}

impl Count {
    /// How long the next try has to wait.
    fn delay(self, free: i64, now_ms: i64) -> Option<Duration> {
        let doublings = self.at(now_ms).checked_sub(free)?;
        if doublings < 0 {
            return None;
        }
        let length = Duration::from_secs(1 << doublings.min(10)).min(MAX_DELAY);
        let next = self.failed_ms.saturating_add(store::milliseconds(length));
        let rest = u64::try_from(next.saturating_sub(now_ms)).ok()?;
        // A clock that was set back must not lock anybody out for longer.
        (rest > 0).then(|| Duration::from_millis(rest).min(MAX_DELAY))
    }

    /// The failures that are not forgotten.
    fn at(self, now_ms: i64) -> i64 {
        let age = now_ms.saturating_sub(self.failed_ms);
        match age > store::milliseconds(FORGET_AFTER) {
            true => 0,
            false => self.failures,
        }
    }

    fn is_known(self, now_ms: i64) -> bool {
        let age = self.succeeded_ms.map(|at| now_ms.saturating_sub(at));
        age.is_some_and(|age| age <= store::milliseconds(KNOWN_FOR))
    }
}

impl AccessStore {
    /// Counts a try to log in under a name from an address, or says how long it has to wait.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn begin_attempt(
        &self,
        name: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<LoginAttempt, Duration>, AccessError> {
        let name = name.trim().to_ascii_lowercase();
        let client = network(client);
        let attempt = LoginAttempt {
            pair: credential::hash(&format!("pair\0{name}\0{client}")),
            client: credential::hash(&format!("client\0{client}")),
            name: credential::hash(&format!("name\0{name}")),
        };
        let now_ms = store::stored(now);
        self.in_transaction(|| {
            let pair = self.count(&attempt.pair)?;
            let mut delays = vec![pair.delay(FREE_OF_PAIR, now_ms)];
            if !pair.is_known(now_ms) {
                let (client, name) = (self.count(&attempt.client)?, self.count(&attempt.name)?);
                delays.push(client.delay(FREE_OF_CLIENT, now_ms));
                delays.push(name.delay(FREE_OF_NAME, now_ms));
            }
            if let Some(delay) = delays.into_iter().flatten().max() {
                return Ok(Err(delay));
            }
            for subject in [&attempt.pair, &attempt.client, &attempt.name] {
                let failures = self.count(subject)?.at(now_ms) + 1;
                self.connection().execute(
                    "INSERT INTO login_attempts VALUES (?1, ?2, ?3, NULL)
                     ON CONFLICT DO UPDATE SET failures = ?2, failed_ms = ?3",
                    (subject, failures, now_ms),
                )?;
            }
            self.connection().execute(
                "DELETE FROM login_attempts WHERE failed_ms < ?1
                 AND (succeeded_ms IS NULL OR succeeded_ms < ?2)",
                (
                    now_ms.saturating_sub(store::milliseconds(FORGET_AFTER)),
                    now_ms.saturating_sub(store::milliseconds(KNOWN_FOR)),
                ),
            )?;
            Ok(Ok(attempt))
        })
    }

    /// Says that a try was none that failed. The failures of the name are forgotten; those of the
    /// address are not, or whoever has an account could try all the others.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn attempt_succeeded(
        &self,
        attempt: LoginAttempt,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let db = self.connection();
            db.execute(
                "UPDATE login_attempts SET failures = 0, succeeded_ms = ? WHERE subject = ?",
                (store::stored(now), attempt.pair),
            )?;
            db.execute(
                "UPDATE login_attempts SET failures = MAX(failures - 1, 0) WHERE subject = ?",
                [attempt.client],
            )?;
            db.execute(
                "UPDATE login_attempts SET failures = 0 WHERE subject = ?",
                [attempt.name],
            )?;
            Ok(())
        })
    }

    fn count(&self, subject: &[u8; 32]) -> Result<Count, AccessError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT failures, failed_ms, succeeded_ms FROM login_attempts WHERE subject = ?",
        )?;
        let found = statement.query_row([subject], |row| {
            Ok(Count {
                failures: row.get(0)?,
                failed_ms: row.get(1)?,
                succeeded_ms: row.get(2)?,
            })
        });
        Ok(found.optional()?.unwrap_or_default())
    }
}

/// What counts as one address: of IPv6 the first half, since whoever has one address there has all
/// of these.
fn network(client: &str) -> String {
    match client
        .parse::<IpAddr>()
        .map(|address| address.to_canonical())
    {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => client.to_owned(),
    }
}
