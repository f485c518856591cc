//! The stored grants.

use rusqlite::Row;
use serde::Serialize;

use crate::error::AccessError;
use crate::names::{GroupName, UserName};
use crate::pattern::Pattern;
use crate::permissions::Permissions;
use crate::principal::Principal;
use crate::rights::{Grant, On, Right, Who};
use crate::store::AccessStore;

/// A grant with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredGrant {
    /// Its number, to revoke it.
    pub id: i64,
    /// What is granted.
    pub grant: Grant,
}

impl AccessStore {
    /// What a principal may do now.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn permissions_of(&self, principal: &Principal) -> Result<Permissions, AccessError> {
        let grants = self.grants()?.into_iter().map(|stored| stored.grant);
        Ok(Permissions::new(principal, grants))
    }

    /// All grants.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn grants(&self) -> Result<Vec<StoredGrant>, AccessError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, who_kind, who_name, permitted, on_kind, pattern FROM grants
             ORDER BY who_kind, who_name, on_kind, pattern, id",
        )?;
        let mut rows = statement.query([])?;
        let mut grants = Vec::new();
        while let Some(row) = rows.next()? {
            grants.push(read(row)?);
        }
        Ok(grants)
    }

    /// Grants something. What is granted already stays as it is.
    ///
    /// # Errors
    ///
    /// If it is the right to administer, or the user or the group does not exist.
    pub fn grant(&self, grant: &Grant) -> Result<StoredGrant, AccessError> {
        if grant.right == Right::Admin {
            return Err(AccessError::invalid(
                "the right `admin` is not granted on pipelines or targets; make the user an \
                 administrator",
            ));
        }
        let (who_kind, who_name) = match &grant.who {
            Who::Everyone => ("everyone", ""),
            Who::User(name) => ("user", name.as_str()),
            Who::Group(name) => ("group", name.as_str()),
            Who::Trigger(pattern) => ("trigger", pattern.as_str()),
        };
        let (on_kind, pattern) = match &grant.on {
            On::Pipelines(pattern) => ("pipelines", pattern),
            On::Targets(pattern) => ("targets", pattern),
        };
        let row = (
            who_kind,
            who_name,
            grant.right.as_str(),
            on_kind,
            pattern.as_str(),
        );
        self.in_transaction(|| {
            match &grant.who {
                Who::User(name) => {
                    self.numbered_user(name)?;
                }
                Who::Group(name) => {
                    self.group_number(name)?;
                }
                Who::Everyone | Who::Trigger(_) => {}
            }
            let db = self.connection();
            db.execute(
                "INSERT INTO grants (who_kind, who_name, permitted, on_kind, pattern)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                row,
            )?;
            let query = "SELECT id FROM grants WHERE who_kind = ? AND who_name = ?
                         AND permitted = ? AND on_kind = ? AND pattern = ?";
            Ok(StoredGrant {
                id: db.query_row(query, row, |row| row.get(0))?,
                grant: grant.clone(),
            })
        })
    }

    /// Takes a grant back, and says what it was.
    ///
    /// # Errors
    ///
    /// If there is no such grant.
    pub fn revoke_grant(&self, id: i64) -> Result<Grant, AccessError> {
        self.in_transaction(|| {
            let found = self.grants()?.into_iter().find(|stored| stored.id == id);
            let found =
                found.ok_or_else(|| AccessError::not_found(format!("there is no grant {id}")))?;
            (self.connection()).execute("DELETE FROM grants WHERE id = ?", [id])?;
            Ok(found.grant)
        })
    }
}

fn read(row: &Row<'_>) -> Result<StoredGrant, AccessError> {
    // A grant that is not understood is an error: to pass over one could hide what is permitted.
    let unreadable = |_| AccessError::damaged("a grant");
    let name: String = row.get(2)?;
    let who = match row.get::<_, String>(1)?.as_str() {
        "everyone" => Who::Everyone,
        "user" => Who::User(UserName::stored(name)),
        "group" => Who::Group(GroupName::stored(name)),
        _ => Who::Trigger(Pattern::new(&name).map_err(unreadable)?),
    };
    let pattern = Pattern::new(&row.get::<_, String>(5)?).map_err(unreadable)?;
    let on = match row.get::<_, String>(4)?.as_str() {
        "pipelines" => On::Pipelines(pattern),
        _ => On::Targets(pattern),
    };
    Ok(StoredGrant {
        id: row.get(0)?,
        grant: Grant {
            who,
            right: row.get::<_, String>(3)?.parse().map_err(unreadable)?,
            on,
        },
    })
}
