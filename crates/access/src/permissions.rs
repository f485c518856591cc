//! The decision who may do what: pure functions over what was loaded before.

use crate::principal::{Principal, Scope, Via};
use crate::rights::{Grant, On, Right, Who};

/// Everything that a principal may do.
///
/// A right on a run needs it on the run's pipeline and on each of its targets. Every right needs
/// [`Right::View`] on the same thing beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Whether no grants are asked for.
    is_all_granted: bool,
    is_admin: bool,
    /// The pipeline that declares the trigger.
    own_pipeline: Option<String>,
    /// The grants to the principal.
    grants: Vec<(Right, On)>,
    scope: Option<Scope>,
}

impl Permissions {
    /// What a principal may do by the given grants, of which those to others do not matter.
    ///
    /// A user has the grants to the user, to the user's groups and to everyone; an administrator
    /// may do everything; a token has these rights as far as its scope goes. A trigger has none of
    /// the grants to users. It may see and run the pipeline that declares it; on which targets is
    /// for grants to triggers to say, and a new database has one for all triggers on all targets.
    pub fn new(principal: &Principal, grants: impl IntoIterator<Item = Grant>) -> Self {
        let (is_user, own_pipeline, scope) = match &principal.via {
            Via::Session => (true, None, None),
            Via::Token { scope, .. } => (true, None, Some(scope.clone())),
            Via::System => (false, None, None),
            Via::Trigger { pipeline, .. } => (false, Some(pipeline.clone()), None),
        };
        let is_granted_to = |who: &Who| match (who, &principal.via) {
            (Who::Everyone, _) => is_user,
            (Who::User(name), _) => is_user && name.as_str() == principal.user,
            (Who::Group(name), _) => is_user && principal.groups.contains(name),
            (Who::Trigger(pattern), Via::Trigger { name, .. }) => pattern.matches(name),
            (Who::Trigger(_), Via::Session | Via::Token { .. } | Via::System) => false,
        };
        let is_admin = match &principal.via {
            Via::System => true,
            Via::Session | Via::Token { .. } => principal.is_admin,
            Via::Trigger { .. } => false,
        };
        let grants = (grants.into_iter())
            .filter(|grant| is_granted_to(&grant.who))
            .map(|grant| (grant.right, grant.on))
            .collect();
        let is_admin_in_scope = scope.as_ref().is_none_or(|scope| {
            let is_narrowed = scope.pipelines.is_some() || scope.targets.is_some();
            scope.rights.contains(&Right::Admin) && !is_narrowed
        });
        Self {
            is_all_granted: is_admin,
            is_admin: is_admin && is_admin_in_scope,
            own_pipeline,
            grants,
            scope,
        }
    }

    /// Whether the principal may administer the server.
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// Whether a right is there on a pipeline.
    pub fn on_pipeline(&self, right: Right, pipeline: &str) -> bool {
        self.with_view(right, |right| self.has_on_pipeline(right, pipeline))
    }

    /// Whether a right is there on a target.
    pub fn on_target(&self, right: Right, target: &str) -> bool {
        self.with_view(right, |right| self.has_on_target(right, target))
    }

    /// The targets on which a right is missing, in their order.
    pub fn first_missing_targets<T: AsRef<str>>(&self, right: Right, targets: &[T]) -> Vec<String> {
        (targets.iter().map(AsRef::as_ref))
            .filter(|target| !self.on_target(right, target))
            .map(str::to_owned)
            .collect()
    }

    /// Whether a right is there on a run: on its pipeline and on every one of its targets.
    pub fn may_on_run<T: AsRef<str>>(&self, right: Right, pipeline: &str, targets: &[T]) -> bool {
        self.on_pipeline(right, pipeline)
            && (targets.iter()).all(|target| self.on_target(right, target.as_ref()))
    }

    fn with_view(&self, right: Right, has: impl Fn(Right) -> bool) -> bool {
        match right {
            // It has nothing to do with what one may see.
            Right::Admin => self.is_admin,
            Right::View => has(Right::View),
            Right::Run
            | Right::Approve
            | Right::Cancel
            | Right::Answer
            | Right::FreezeException => has(Right::View) && has(right),
        }
    }

    fn has_on_pipeline(&self, right: Right, pipeline: &str) -> bool {
        let is_own = matches!(right, Right::View | Right::Run)
            && self.own_pipeline.as_deref() == Some(pipeline);
        let is_granted = |(granted, on): &(Right, On)| match on {
            On::Pipelines(pattern) => *granted == right && pattern.matches(pipeline),
            On::Targets(_) => false,
        };
        let is_in_scope = self.scope.as_ref().is_none_or(|scope| {
            let patterns = scope.pipelines.as_ref();
            scope.rights.contains(&right)
                && patterns.is_none_or(|all| all.iter().any(|it| it.matches(pipeline)))
        });
        is_in_scope && (is_own || self.is_all_granted || self.grants.iter().any(is_granted))
    }

    fn has_on_target(&self, right: Right, target: &str) -> bool {
        let is_granted = |(granted, on): &(Right, On)| match on {
            On::Targets(pattern) => *granted == right && pattern.matches_target(target),
            On::Pipelines(_) => false,
        };
        let is_in_scope = self.scope.as_ref().is_none_or(|scope| {
            let patterns = scope.targets.as_ref();
            scope.rights.contains(&right)
                && patterns.is_none_or(|all| all.iter().any(|it| it.matches_target(target)))
        });
        is_in_scope && (self.is_all_granted || self.grants.iter().any(is_granted))
    }
}

#[cfg(test)]
mod tests;
