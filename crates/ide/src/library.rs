//! What the language has without a declaration, in a few words each: fields that everything of
//! a sort has, and the words of statements.
//! It does not know where any of it stands.

/// What every service, infrastructure or environment has under this name.
pub fn own_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "name" => "The name.",
        "kind" => "The name of its kind.",
        "id" => "The field `id`, else the name.",
        "environment" => "The environment that it belongs to.",
        "connect" => "How `run … on` reaches it: `local()`, `ssh(…)`, `container(…)`, `pod(…)`.",
        "exclusive" => "Whether a deployment to it holds its lock.",
        "services" => "The services that the stage deploys.",
        "infrastructures" => "Where the stage deploys to.",
        "stdout" => "What the command wrote, without one final line end.",
        "stderr" => "What the command wrote as errors, without one final line end.",
        "code" => "The exit code.",
        "outputs" => "The `key=value` lines that the command wrote to `$LOCKSTEP_OUTPUT`.",
        _ => return None,
    })
}
