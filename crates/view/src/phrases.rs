//! Readable words for durations, versions, counts and what a node waits for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use lockstep_base::node_path::{PathPart, last};
use lockstep_base::source::Name;
use lockstep_engine::run_event::{
    ApprovalProgress, Failure, LockQueuePosition, RunLockHolder, Status, WaitReason, WindowOf,
};

use super::deployment_counts::StatusCounts;
use super::style::{LineSymbol, Style, StyledLine, Tone};
use super::text::clean;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A command as a line of its own: `$ make`, `send dist to /srv/app`.
pub fn command_line(node: &str, text: &str) -> String {
    match &*PathPart::read(last(node)).name {
        "send" | "fetch" => text.to_string(),
        _ => format!("$ {text}"),
    }
}

/// A command, and where it runs if that is not the machine of the run:
/// `systemctl restart web (on ssh eu-1)`.
pub fn command_at<'t>(text: Option<&'t str>, place: Option<&str>) -> Option<Cow<'t, str>> {
    let text = text?;
    Some(match place {
        // Behind several lines it has one of its own.
        Some(place) if text.contains('\n') => {
            Cow::Owned(format!("{}\n(on {place})", text.trim_end()))
        }
        Some(place) => Cow::Owned(format!("{text} (on {place})")),
        None => Cow::Borrowed(text),
    })
}

/// How long something took: `0.8s`, `12s`, `1m 02s`.
pub fn duration_text(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < 10 * SECOND_MS {
        let tenths = ms / 100;
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    elapsed_text(ms)
}

/// How long something has been running, in whole seconds: `8s`, `1m 02s`, `2h 05m`.
pub fn elapsed_text(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < MINUTE_MS {
        format!("{}s", ms / SECOND_MS)
    } else if ms < HOUR_MS {
        format!("{}m {:02}s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND_MS)
    } else if ms < DAY_MS {
        format!("{}h {:02}m", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS)
    } else {
        format!("{}d {:02}h", ms / DAY_MS, ms % DAY_MS / HOUR_MS)
    }
}

/// A configured duration: `250ms`, `3s`, `1m 30s`, `1h`.
pub fn span(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < SECOND_MS {
        return format!("{ms}ms");
    }
    if ms < MINUTE_MS && ms % SECOND_MS != 0 {
        return duration_text(ms);
    }
    let parts = [
        (DAY_MS, "d"),
        (HOUR_MS, "h"),
        (MINUTE_MS, "m"),
        (SECOND_MS, "s"),
    ];
    let mut rest = ms;
    let mut words = Vec::new();
    for (unit, sign) in parts {
        if rest >= unit {
            words.push(format!("{}{sign}", rest / unit));
            rest %= unit;
        }
    }
    words.truncate(2);
    words.join(" ")
}

/// The time since the run began, as shown in a column: `0:07`, `1:04`, `1:02:03`.
pub fn timestamp(ms: i64) -> String {
    let seconds = whole_seconds(ms);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// What [`timestamp`] shows of a time: two with the same number look the same.
pub(super) fn whole_seconds(ms: i64) -> i64 {
    ms.max(0) / SECOND_MS
}

/// What a node waits for. `since` is how long it has been waiting, where that is to be shown.
pub fn wait_text(waiting: &WaitReason, since: Option<i64>) -> String {
    let left = |after: i64| since.map_or(after, |since| after - since).max(0);
    match waiting {
        WaitReason::Barrier {
            name,
            arrived,
            expected,
        } => format!(
            "waits for barrier {}: {arrived} of {expected} arrived",
            clean(name)
        ),
        WaitReason::Queue { name, queue, .. } => {
            let behind = behind_text(queue, since.unwrap_or(0));
            format!("waits in queue {}{behind}", clean(name))
        }
        WaitReason::Lock { names, queue } => {
            let many = if names.len() == 1 { "" } else { "s" };
            let held = holder_text(queue, since.unwrap_or(0));
            format!("waits for the lock{many} of {}{held}", list(names))
        }
        WaitReason::Window {
            windows,
            opens,
            needs_ms,
            ..
        } => {
            let opens = opens.as_ref().map(|at| format!(": opens {}", clean(at)));
            let needs = span(i64::try_from(*needs_ms).unwrap_or(i64::MAX));
            let windows = clean(&WindowOf::list(windows)).into_owned();
            format!(
                "waits for {windows}{} (needs {needs})",
                opens.unwrap_or_default()
            )
        }
        WaitReason::Retry {
            attempt,
            of,
            after_ms,
            ..
        } => {
            // The first try is no retry.
            let (attempt, of) = (attempt.saturating_sub(1), of.saturating_sub(1));
            match left(*after_ms) {
                left if left < SECOND_MS && since.is_some() => {
                    format!("retry {attempt} of {of} now")
                }
                left if since.is_some() => {
                    format!("retry {attempt} of {of} in {}", elapsed_text(left))
                }
                0 => format!("retry {attempt} of {of}"),
                left => format!("retry {attempt} of {of} in {}", span(left)),
            }
        }
        WaitReason::Time { after_ms } if since.is_some() => {
            format!("waits: {} left", elapsed_text(left(*after_ms)))
        }
        WaitReason::Time { after_ms } => format!("waits {}", span(*after_ms)),
        WaitReason::Approval {
            question,
            choices,
            within_ms,
            progress,
        } => {
            let asks = choices.iter().any(|choice| &**choice == "retry");
            let what = match asks {
                true => "asks what to do",
                false => "waits for approval",
            };
            let limit = match (within_ms, since) {
                (None, _) => String::new(),
                (Some(within), None) => format!(" for {} at most", span(*within)),
                (Some(within), Some(_)) => format!(", {} left", elapsed_text(left(*within))),
            };
            let yeses = yeses_text(progress);
            format!("{what}{yeses}{limit}: {}", clean(question))
        }
    }
}

/// How many have said yes where one is not enough: ` (1 of 2, by ada)`.
fn yeses_text(progress: &ApprovalProgress) -> String {
    if progress.count <= 1 {
        return String::new();
    }
    let by = match progress.yes.is_empty() {
        true => String::new(),
        false => format!(", by {}", list(&progress.yes)),
    };
    format!(" ({} of {}{by})", progress.yes.len(), progress.count)
}

/// Who holds it and who is ahead: `, held by r-7f3a (ship/prod) for 3m 02s, 2 before it`. `since`
/// is the time since that was reported, in milliseconds.
fn holder_text(queue: &LockQueuePosition, since: i64) -> String {
    let mut text = String::new();
    if let Some(RunLockHolder {
        run, node, held_ms, ..
    }) = queue.holders.first()
    {
        let (run, node) = (clean(run), clean(node));
        let time = elapsed_text(held_ms + since);
        text.push_str(&format!(", held by {run} ({node}) for {time}"));
        let runs: BTreeSet<&Name> = queue.holders.iter().map(|it| &it.run).collect();
        if runs.len() > 1 {
            text.push_str(&format!(" and {} more", runs.len() - 1));
        }
    }
    if queue.ahead > 0 {
        text.push_str(&format!(", {} before it", queue.ahead));
    }
    text
}

/// ` behind r-7f3a, which has had its place for 3s`
fn behind_text(queue: &LockQueuePosition, since: i64) -> String {
    let before = match queue.ahead {
        0 => String::new(),
        ahead => format!(", {ahead} before it"),
    };
    match queue.holders.first() {
        Some(RunLockHolder { run, held_ms, .. }) => {
            let time = elapsed_text(held_ms + since);
            let run = clean(run);
            format!(" behind {run}, which has had its place for {time}{before}")
        }
        None => before,
    }
}

/// `prod.eu, prod.us and 4 more`
pub(super) fn list(names: &[Name]) -> String {
    match names {
        [] => String::from("nothing"),
        [one] => clean(one).into_owned(),
        [one, two] => format!("{} and {}", clean(one), clean(two)),
        [one, two, three] => format!("{}, {} and {}", clean(one), clean(two), clean(three)),
        [one, two, ..] => format!(
            "{}, {} and {} more",
            clean(one),
            clean(two),
            names.len() - 2
        ),
    }
}

/// `1 deployment`, `3 deployments`
pub(super) fn count_text(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

/// The versions before and after as one text; empty where neither is known.
pub(super) fn version_change(before: Option<&str>, after: Option<&str>, style: Style) -> String {
    let side =
        |text: Option<&str>| text.map_or(style.dash().into(), |text| clean(text).into_owned());
    match (before, after) {
        (None, None) => String::new(),
        _ => format!("{} {} {}", side(before), style.arrow(), side(after)),
    }
}

/// The word before a failure's message, `timeout: `; none where the message begins with it anyway,
/// as `exit code 3` does.
pub(super) fn class_text(failure: &Failure) -> String {
    let class = failure.class.as_str();
    match failure.message.strip_prefix(class) {
        Some(rest) if rest.starts_with(' ') => String::new(),
        _ => format!("{class}: "),
    }
}

/// The mark that goes with a status.
pub fn status_symbol(status: Status) -> LineSymbol {
    match status {
        Status::Succeeded => LineSymbol::Good,
        Status::Ignored | Status::Superseded => LineSymbol::Warn,
        Status::Failed | Status::RollbackFailed | Status::Cancelled => LineSymbol::Bad,
        Status::RollingBack | Status::RolledBack => LineSymbol::Back,
        Status::Running => LineSymbol::Run,
        Status::Waiting | Status::Queued => LineSymbol::Wait,
        Status::Pending | Status::Skipped => LineSymbol::Skip,
    }
}

/// How deployments ended, in the order in which counts are shown.
pub(super) const STATUS_ORDER: [(Status, &str); 8] = [
    (Status::Succeeded, "deployed"),
    (Status::Failed, "failed"),
    (Status::RollbackFailed, "rollback failed"),
    (Status::RolledBack, "rolled back"),
    (Status::Ignored, "failed and ignored"),
    (Status::Cancelled, "cancelled"),
    (Status::Superseded, "superseded"),
    (Status::Skipped, "not started"),
];

/// `3 deployed, 1 rolled back`; empty where nothing has ended.
pub(super) fn end_counts(counts: &StatusCounts) -> String {
    let counted = STATUS_ORDER.iter().filter_map(|(status, word)| {
        let count = counts.of(*status);
        (count > 0).then(|| format!("{count} {word}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// `✓ 120 done · ✗ 1 failed · ▸ 3 running · ◦ 2 waiting · 377 to come`, or the same without the
/// words that the symbols already convey.
pub(super) fn progress_text(
    counts: &StatusCounts,
    (running, waiting, to_come): (usize, usize, usize),
    full: bool,
    style: Style,
) -> StyledLine {
    let mut line = StyledLine::new();
    let mut add = |count: usize, mark: LineSymbol, word: &str| {
        if count == 0 {
            return;
        }
        if !line.is_empty() {
            line.add(Tone::Dim, format!(" {} ", style.dot()));
        }
        if mark != LineSymbol::None {
            line.add(mark.tone(), format!("{} ", style.mark(mark)));
        }
        let tone = match mark {
            LineSymbol::None => Tone::Dim,
            LineSymbol::Run => Tone::Plain,
            mark => mark.tone(),
        };
        if full || mark == LineSymbol::None {
            line.add(tone, format!("{count} {word}"));
        } else {
            line.add(tone, count.to_string());
        }
    };
    add(counts.of(Status::Succeeded), LineSymbol::Good, "done");
    for (status, word) in &STATUS_ORDER[1..5] {
        add(counts.of(*status), status_symbol(*status), word);
    }
    add(running, LineSymbol::Run, "running");
    add(waiting, LineSymbol::Wait, "waiting");
    add(counts.of(Status::Cancelled), LineSymbol::None, "cancelled");
    add(counts.of(Status::Skipped), LineSymbol::None, "not started");
    add(to_come, LineSymbol::None, "to come");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_where_it_runs() {
        assert_eq!(command_at(None, Some("ssh a")), None);
        assert_eq!(command_at(Some("ls"), None).unwrap(), "ls");
        assert_eq!(
            command_at(Some("ls"), Some("ssh a")).unwrap(),
            "ls (on ssh a)"
        );
        let lines = command_at(Some("cd x\nls\n"), Some("ssh a"));
        assert_eq!(lines.unwrap(), "cd x\nls\n(on ssh a)");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration_text(840), "0.8s");
        assert_eq!(duration_text(12_400), "12s");
        assert_eq!(duration_text(62_000), "1m 02s");
        assert_eq!(elapsed_text(3 * HOUR_MS + 5 * MINUTE_MS), "3h 05m");
        assert_eq!(elapsed_text(2 * DAY_MS + HOUR_MS), "2d 01h");
        assert_eq!(span(250), "250ms");
        assert_eq!(span(2_500), "2.5s");
        assert_eq!(span(3_000), "3s");
        assert_eq!(span(90_000), "1m 30s");
        assert_eq!(span(HOUR_MS), "1h");
        assert_eq!(timestamp(64_000), "1:04");
        assert_eq!(timestamp(3_723_000), "1:02:03");
        assert_eq!(duration_text(-5), "0.0s");
    }

    #[test]
    fn waiting_is_told_in_words() {
        let lock = |names: &[&str]| WaitReason::Lock {
            names: names.iter().map(|name| Name::from(*name)).collect(),
            queue: LockQueuePosition::default(),
        };
        assert_eq!(
            wait_text(&lock(&["prod.eu"]), None),
            "waits for the lock of prod.eu"
        );
        let holder = |run: &str| RunLockHolder {
            lock: "prod.eu".into(),
            run: run.into(),
            node: "ship/prod".into(),
            held_ms: 61_000,
        };
        let held = |runs: &[&str], ahead, since| {
            let names = vec![Name::from("prod.eu")];
            let holders = runs.iter().map(|run| holder(run)).collect();
            let queue = LockQueuePosition { holders, ahead };
            wait_text(&WaitReason::Lock { names, queue }, since)
        };
        assert_eq!(
            held(&["r-1", "r-1"], 0, None),
            "waits for the lock of prod.eu, held by r-1 (ship/prod) for 1m 01s"
        );
        assert_eq!(
            held(&["r-1", "r-2"], 2, Some(9_000)),
            "waits for the lock of prod.eu, held by r-1 (ship/prod) for 1m 10s and 1 more, \
             2 before it"
        );
        assert_eq!(
            held(&[], 1, None),
            "waits for the lock of prod.eu, 1 before it"
        );
        assert_eq!(
            wait_text(&lock(&["a", "b", "c", "d"]), None),
            "waits for the locks of a, b and 2 more"
        );
        let retry = WaitReason::Retry {
            attempt: 2,
            of: 4,
            after_ms: 3_000,
            failure: None,
        };
        assert_eq!(wait_text(&retry, None), "retry 1 of 3 in 3s");
        assert_eq!(wait_text(&retry, Some(1_000)), "retry 1 of 3 in 2s");
        assert_eq!(wait_text(&retry, Some(9_000)), "retry 1 of 3 now");
        let pause = WaitReason::Time { after_ms: 300_000 };
        assert_eq!(wait_text(&pause, None), "waits 5m");
        assert_eq!(wait_text(&pause, Some(48_000)), "waits: 4m 12s left");
    }
}
