//! Short documentation of what the language provides without a declaration: fields that all
//! declarations of a sort have, and the keywords of statements.

/// The documentation of a field that every service, infrastructure or environment has.
pub fn own_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "name" => "The name.",
        "kind" => "The name of its kind.",
        "id" => "The field `id`, else the name.",
        "environment" => "The environment that it belongs to.",
        "connect" => {
            "How `run … on` reaches it: `local()`, `ssh(…)`, `container(…)`, `image(…)`, `pod(…)`."
        }
        "exclusive" => "Whether a deployment to it holds its lock.",
        "pool" => "Which workers carry out what is deployed there, on an engine that has workers.",
        "window" => "When may be deployed there: the name of a window.",
        "open" => "Days and times: `mon-fri 09:00-16:00`, `sat,sun`, `daily 22:00-02:00`.",
        "except" => "When it is closed all the same: `2026-12-20 .. 2027-01-06`.",
        "zone" => "The time zone, such as `Europe/Berlin`; UTC by default.",
        "outside" => "What becomes of what comes while it is closed: `wait` or `refuse`.",
        "services" => "The services that the stage deploys.",
        "infrastructures" => "Where the stage deploys to.",
        "stdout" => "What the command wrote, without one final line end.",
        "stderr" => "What the command wrote as errors, without one final line end.",
        "cut" => "Whether it wrote more than 1 MiB to a stream, which cannot be read then.",
        "tail" => "The last 1 MiB of what it wrote, where it wrote more; else `none`.",
        "code" => "The exit code.",
        "outputs" => "The `key=value` lines that the command wrote to `$LOCKSTEP_OUTPUT`.",
        _ => return None,
    })
}
