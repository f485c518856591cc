//! Where commands run: on the machine of the run, or at a connection. A connection is given as
//! such, or it is that of an infrastructure. And whose workers carry them out: a pool.

use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::{Expr, Halt, Scope as _};

use crate::{Locals, PlanWalk};

/// Where a command runs, as far as a plan knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Place {
    /// On the machine of the run.
    #[default]
    Here,
    /// At a connection; this is how it is shown.
    Known(String),
    /// Only the run knows where; this is how it is written.
    Unknown(String),
}

/// The pools whose workers carry out what is done at a place; any worker where none is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PlacePools {
    /// The pool of the place.
    pub pool: Option<Name>,
    /// The pool of the deployment around it: that of infrastructures in it that have none.
    of_deployment: Option<Name>,
}

impl PlanWalk<'_> {
    /// The connection that a place has, which is an infrastructure or a connection; nothing for the
    /// machine of the run.
    ///
    /// # Errors
    ///
    /// If it has no value, or none yet.
    pub fn connection(&self, place: &Expr, locals: &Locals) -> Result<Option<Value>, Halt> {
        let connect = match self.eval(place, locals)? {
            entity @ Value::Infrastructure(_) => {
                let scope = self.eval_scope(locals);
                scope.field(&entity, &Name::from("connect"), place.span)?
            }
            connection => connection,
        };
        Ok((!is_local(&connect)).then_some(connect))
    }

    /// The pools of a deployment to `target`.
    ///
    /// # Errors
    ///
    /// If it has no value, or none yet.
    pub fn pools_of_deployment(&self, target: &Expr, locals: &Locals) -> Result<PlacePools, Halt> {
        let target = self.infrastructure(target, locals)?;
        let pool = target.and_then(|it| self.bound.facts.pool_of(it)).cloned();
        Ok(PlacePools {
            of_deployment: pool.clone(),
            pool,
        })
    }

    /// The pools of what is done `on` a place, among these. A connection says how to get there, and
    /// not who does: it leaves them as they are.
    ///
    /// # Errors
    ///
    /// If it has no value, or none yet.
    pub fn pools_on(
        &self,
        place: &Expr,
        locals: &Locals,
        around: &PlacePools,
    ) -> Result<PlacePools, Halt> {
        let mut pools = around.clone();
        if let Some(place) = self.infrastructure(place, locals)? {
            let own = self.bound.facts.pool_of(place).cloned();
            pools.pool = own.or_else(|| pools.of_deployment.clone());
        }
        Ok(pools)
    }

    /// The infrastructure that a place is, where it is one.
    fn infrastructure(
        &self,
        place: &Expr,
        locals: &Locals,
    ) -> Result<Option<InfrastructureId>, Halt> {
        Ok(match self.eval(place, locals)? {
            Value::Infrastructure(infrastructure) => Some(infrastructure),
            _ => None,
        })
    }

    /// The place that is written as `place`.
    pub fn place(&self, place: &Expr, locals: &Locals) -> Place {
        match self.connection(place, locals) {
            Ok(None) => Place::Here,
            Ok(Some(connect)) => Place::Known(connection_text(&connect)),
            Err(_) => Place::Unknown(self.bound.program.sources.text(place.span).to_string()),
        }
    }
}

/// Whether commands over a connection have the folders of this machine: there is none, or it leads
/// into a container of an image.
pub fn has_local_files(connect: Option<&Value>) -> bool {
    connect.is_none_or(|connect| matches!(text(connect, "type"), Some("local" | "image")))
}

fn is_local(connect: &Value) -> bool {
    text(connect, "type") == Some("local")
}

fn text<'v>(connect: &'v Value, field: &str) -> Option<&'v str> {
    connect.as_map()?.get(field)?.as_str()
}

/// A connection as people read it: `ssh deploy@eu-1:2222`, `container web`, `pod shop/web-0 in eu`.
pub fn connection_text(connect: &Value) -> String {
    if *connect == Value::Unknown {
        return String::from("what only the run knows");
    }
    let own = |field| text(connect, field).unwrap_or_default();
    match own("type") {
        "ssh" => {
            let user = text(connect, "user").map_or(String::new(), |user| format!("{user}@"));
            let port = connect.as_map().and_then(|map| map.get("port"));
            let port = match port {
                Some(Value::Int(port)) => format!(":{port}"),
                _ => String::new(),
            };
            format!("ssh {user}{}{port}", own("host"))
        }
        kind @ ("container" | "image") => format!("{kind} {}", own("name")),
        "pod" => {
            let container = text(connect, "container").map_or(String::new(), |it| format!("/{it}"));
            let pod = format!("{}/{}{container}", own("namespace"), own("pod"));
            format!("pod {pod} in {}", own("context"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shown_shortly() {
        let map = |entries: Vec<(&'static str, Value)>| Value::map(entries);
        let text = Value::string;
        for (connect, shown) in [
            (
                map(vec![("type", text("ssh")), ("host", text("eu-1"))]),
                "ssh eu-1",
            ),
            (
                map(vec![
                    ("type", text("ssh")),
                    ("host", text("eu-1")),
                    ("user", text("deploy")),
                    ("port", Value::Int(2222)),
                ]),
                "ssh deploy@eu-1:2222",
            ),
            (
                map(vec![("type", text("container")), ("name", text("web"))]),
                "container web",
            ),
            (
                map(vec![
                    ("type", text("pod")),
                    ("context", text("eu")),
                    ("namespace", text("shop")),
                    ("pod", text("web-0")),
                ]),
                "pod shop/web-0 in eu",
            ),
        ] {
            assert_eq!(connection_text(&connect), shown);
        }
    }
}
