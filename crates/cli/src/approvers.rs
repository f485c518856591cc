//! Whose yes an approval still needs, by the groups: for `lockstep approve`, `lockstep show` and
//! the terminal of a run.

use super::groups::GroupMembers;
use lockstep_engine::{ApprovalRequest, Objection};

/// Why the yes of a person does not count, if it does not: a sentence without a full stop.
pub(super) fn objection(
    request: &ApprovalRequest,
    groups: &GroupMembers,
    who: &str,
) -> Option<String> {
    let is_excepted = !request.except.is_empty() && groups.allow(who, &request.except);
    match request.objection(who) {
        Some(Objection::Counted) => Some(format!("`{who}` has said yes already")),
        Some(Objection::Excepted) => Some(excepted(who)),
        None if is_excepted => Some(excepted(who)),
        None => None,
    }
}

fn excepted(who: &str) -> String {
    format!("the yes of `{who}` does not count here: `except` names them")
}

/// What an approval still needs where one yes of anybody is not enough, and of whom:
/// `1 of 2 yes, by ada; 1 more of linus, grace`.
pub(super) fn missing(request: &ApprovalRequest, groups: &GroupMembers) -> Option<String> {
    if request.count <= 1 && request.except.is_empty() {
        return None;
    }
    let given: Vec<&str> = request.yeses.iter().map(|yes| &*yes.by).collect();
    let mut text = format!("{} of {} yes", given.len(), request.count);
    if !given.is_empty() {
        text.push_str(&format!(", by {}", given.join(", ")));
    }
    let left = request.missing();
    match groups.members_of(&request.by) {
        None => text.push_str(&format!("; {left} more")),
        Some(people) => {
            let may = |who: &&str| objection(request, groups, who).is_none();
            let who: Vec<&str> = people.into_iter().filter(may).collect();
            text.push_str(&match who.is_empty() {
                true => format!("; {left} more, and nobody else may"),
                false => format!("; {left} more of {}", who.join(", ")),
            });
        }
    }
    if !request.except.is_empty() {
        text.push_str(&format!("; not {}", request.except.join(", ")));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_engine::Respondent;

    fn request(by: &[&str], except: &[&str], yeses: &[&str]) -> ApprovalRequest {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        ApprovalRequest {
            text: String::new(),
            by: texts(by),
            count: 2,
            except: texts(except),
            yeses: yeses
                .iter()
                .map(|by| Respondent {
                    by: (*by).into(),
                    at: String::new(),
                    comment: None,
                })
                .collect(),
        }
    }

    #[test]
    fn who_is_missing_is_named_where_the_groups_are_known() {
        let groups = GroupMembers::of([("ops", &["ada", "linus", "grace"][..])]);
        let asked = request(&["ops", "mary"], &["grace"], &["ada"]);
        assert_eq!(
            missing(&asked, &groups).unwrap(),
            "1 of 2 yes, by ada; 1 more of linus, mary; not grace"
        );
        assert!(
            objection(&asked, &groups, "ada")
                .unwrap()
                .contains("already")
        );
        assert!(
            objection(&asked, &groups, "grace")
                .unwrap()
                .contains("except")
        );
        assert_eq!(objection(&asked, &groups, "linus"), None);
        let anybody = request(&[], &["ops"], &[]);
        assert_eq!(
            missing(&anybody, &groups).unwrap(),
            "0 of 2 yes; 2 more; not ops"
        );
        // A group may be excepted as a whole.
        assert!(objection(&anybody, &groups, "linus").is_some());
        let nobody = request(&["grace"], &["ops"], &[]);
        assert!(missing(&nobody, &groups).unwrap().contains("nobody else"));
    }
}
