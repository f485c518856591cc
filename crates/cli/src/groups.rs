//! The groups file, which says who belongs to which group: `release-managers = ["ada", "grace"]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::settings;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_runtime::text_file;

/// The file's name in a state directory.
const GROUPS_FILE_NAME: &str = "groups.toml";

/// The members of groups.
#[derive(Debug, Default)]
pub(super) struct GroupMembers {
    members: BTreeMap<String, Vec<String>>,
    /// The file that they were read from, if there is one.
    pub(super) file: Option<PathBuf>,
}

impl GroupMembers {
    /// Reads the named file, else `groups.toml` of the state directory, if it exists, else the
    /// groups in the settings of this folder.
    pub(super) fn read(named: Option<&Path>, folder: &Path) -> Result<Self, Diagnostic> {
        let own = folder.join(GROUPS_FILE_NAME);
        let path = match named {
            Some(path) => path,
            None if own.exists() => &own,
            None => return Ok(Self::of_settings()),
        };
        let wrong = |why: String| {
            let message = format!("`{}` cannot be read: {why}", path.display());
            Diagnostic::without_place(codes::NOT_ANSWERED, message)
                .help("a line for each group: `release-managers = [\"ada\", \"grace\"]`")
        };
        let text = text_file::read(path).map_err(|error| wrong(error.to_string()))?;
        let members = toml::from_str(&text).map_err(|error| wrong(error.message().to_string()))?;
        Ok(Self {
            members,
            file: Some(path.to_path_buf()),
        })
    }

    fn of_settings() -> Self {
        let found = settings::of_folder(Path::new(""));
        match found.filter(|(_, settings)| !settings.groups.is_empty()) {
            Some((folder, settings)) => Self {
                members: settings.groups,
                file: Some(folder.join(settings::SETTINGS_FILE_NAME)),
            },
            None => Self::default(),
        }
    }

    /// The people in these groups, once each; nothing where there are no groups.
    pub(super) fn members_of<'g>(&'g self, groups: &'g [String]) -> Option<Vec<&'g str>> {
        let mut people: Vec<&str> = Vec::new();
        for group in groups {
            let members = match self.members.get(group) {
                Some(members) => members.as_slice(),
                None => std::slice::from_ref(group),
            };
            for member in members {
                if !people.contains(&member.as_str()) {
                    people.push(member);
                }
            }
        }
        (!groups.is_empty()).then_some(people)
    }

    /// Groups with these members.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(groups: [(&str, &[&str]); N]) -> Self {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        let members = groups.map(|(name, people)| (name.to_string(), texts(people)));
        Self {
            members: members.into(),
            file: None,
        }
    }

    /// Whether somebody is in one of these groups. A group can also be the name of a person.
    pub(super) fn allow(&self, who: &str, groups: &[String]) -> bool {
        let is_in = |group: &String| match self.members.get(group) {
            Some(members) => members.iter().any(|member| member == who),
            None => group == who,
        };
        groups.is_empty() || groups.iter().any(is_in)
    }
}
