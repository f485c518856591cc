//! Groups of users, made here or by a provider.

use rusqlite::OptionalExtension as _;
use serde::Serialize;

use crate::error::AccessError;
use crate::names::{GroupName, UserName};
use crate::store::AccessStore;

/// A group with its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The name.
    pub name: GroupName,
    /// The members, by name. One who is a member both ways is in it twice.
    pub members: Vec<Membership>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// The user.
    pub user: UserName,
    /// Where the membership comes from.
    pub source: MembershipSource,
}

/// Where a membership comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipSource {
    /// An administrator has added the user.
    Manual,
    /// The provider said so at the user's last login.
    Provider,
}

impl AccessStore {
    /// Creates a group.
    ///
    /// # Errors
    ///
    /// If there is one of that name.
    pub fn create_group(&self, name: &GroupName) -> Result<(), AccessError> {
        let created = self.connection().execute(
            "INSERT INTO user_groups (name) VALUES (?) ON CONFLICT DO NOTHING",
            [name.as_str()],
        )?;
        match created {
            0 => Err(AccessError::exists(format!(
                "a group `{name}` exists already"
            ))),
            _ => Ok(()),
        }
    }

    /// Deletes a group with its memberships and the grants to it: a group that is made later under
    /// the same name must not find them.
    ///
    /// # Errors
    ///
    /// If there is no such group.
    pub fn delete_group(&self, name: &GroupName) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let id = self.group_number(name)?;
            let db = self.connection();
            db.execute("DELETE FROM user_groups WHERE id = ?", [id])?;
            db.execute(
                "DELETE FROM grants WHERE who_kind = 'group' AND who_name = ?",
                [name.as_str()],
            )?;
            Ok(())
        })
    }

    /// All groups with their members, by name.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn groups(&self) -> Result<Vec<Group>, AccessError> {
        let mut statement = self.connection().prepare(
            "SELECT user_groups.name, users.name, source FROM user_groups
             LEFT JOIN group_members ON group_id = user_groups.id
             LEFT JOIN users ON users.id = user_id
             ORDER BY user_groups.name, users.name, source",
        )?;
        let mut rows = statement.query([])?;
        let mut groups: Vec<Group> = Vec::new();
        while let Some(row) = rows.next()? {
            let name = GroupName::stored(row.get(0)?);
            let member = row.get::<_, Option<String>>(1)?;
            if groups.last().is_none_or(|last| last.name != name) {
                groups.push(Group {
                    name,
                    members: Vec::new(),
                });
            }
            if let (Some(group), Some(user)) = (groups.last_mut(), member) {
                let source = match row.get::<_, String>(2)?.as_str() {
                    "provider" => MembershipSource::Provider,
                    _ => MembershipSource::Manual,
                };
                group.members.push(Membership {
                    user: UserName::stored(user),
                    source,
                });
            }
        }
        Ok(groups)
    }

    /// The groups of a user, by name.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn groups_of(&self, user: &UserName) -> Result<Vec<GroupName>, AccessError> {
        let (_, id) = self.numbered_user(user)?;
        self.groups_of_number(id)
    }

    /// Adds a user to a group by hand. It is no mistake if the user is in it.
    ///
    /// # Errors
    ///
    /// If there is no such user or no such group.
    pub fn add_member(&self, group: &GroupName, user: &UserName) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let (_, user) = self.numbered_user(user)?;
            self.connection().execute(
                "INSERT INTO group_members VALUES (?, ?, 'manual') ON CONFLICT DO NOTHING",
                (self.group_number(group)?, user),
            )?;
            Ok(())
        })
    }

    /// Takes a user who was added by hand out of a group. A membership of the provider's stays: it
    /// would be back at the next login, so the provider has to end it.
    ///
    /// # Errors
    ///
    /// If there is no such user or group, or the user is not in it by hand.
    pub fn remove_member(&self, group: &GroupName, user: &UserName) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let (_, id) = self.numbered_user(user)?;
            let removed = self.connection().execute(
                "DELETE FROM group_members
                 WHERE group_id = ? AND user_id = ? AND source = 'manual'",
                (self.group_number(group)?, id),
            )?;
            match removed {
                0 => Err(AccessError::not_found(format!(
                    "`{user}` was not added to the group `{group}` here; a membership that comes \
                     from the provider is ended there"
                ))),
                _ => Ok(()),
            }
        })
    }

    pub(crate) fn groups_of_number(&self, user: i64) -> Result<Vec<GroupName>, AccessError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT DISTINCT name FROM user_groups JOIN group_members ON group_id = id
             WHERE user_id = ? ORDER BY name",
        )?;
        let names = statement.query_map([user], |row| Ok(GroupName::stored(row.get(0)?)))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// Puts what the provider says in the place of what it said before. Groups that do not exist
    /// are created, so that rights can be granted to them.
    pub(crate) fn set_provider_groups(
        &self,
        user: i64,
        groups: &[GroupName],
    ) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let db = self.connection();
            db.execute(
                "DELETE FROM group_members WHERE user_id = ? AND source = 'provider'",
                [user],
            )?;
            for group in groups {
                db.execute(
                    "INSERT INTO user_groups (name) VALUES (?) ON CONFLICT DO NOTHING",
                    [group.as_str()],
                )?;
                db.execute(
                    "INSERT INTO group_members VALUES (?, ?, 'provider') ON CONFLICT DO NOTHING",
                    (self.group_number(group)?, user),
                )?;
            }
            Ok(())
        })
    }

    pub(crate) fn group_number(&self, name: &GroupName) -> Result<i64, AccessError> {
        let query = "SELECT id FROM user_groups WHERE name = ?";
        let found = (self.connection())
            .query_row(query, [name.as_str()], |row| row.get(0))
            .optional()?;
        found.ok_or_else(|| AccessError::not_found(format!("there is no group `{name}`")))
    }
}
