//! Layout of the live view: turns the board into lines for a screen of a given size at a given
//! time.

use crate::style::{Line, Mark, Tone};
use crate::tally::{Counts, Tally};
use crate::{Style, path, text, words};
use lockstep_base::source::Name;
use lockstep_engine::notice::{NodeKind, Status, Waiting};

use super::board::{Board, Failed, Stage, Unit};

/// Up to so many units that wait for the same thing are shown one by one.
const FEW: usize = 3;
/// Up to so many stages that ended well are shown one by one.
const FEW_STAGES: usize = 3;
/// A screen narrower than this shows no times.
const NO_TIMES: usize = 24;

/// The size of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A line in its parts, before the column widths are known.
struct Entry {
    depth: usize,
    mark: Mark,
    label: Line,
    words: Line,
    /// The short form where the full one does not fit.
    short: Option<Line>,
    elapsed: Option<i64>,
    column: Column,
}

/// The words of entries of one kind are aligned in one column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Head,
    Stage,
    Unit,
}

/// The lines of a board: at most the screen's height less three, none wider than the screen.
pub(super) fn frame(board: &Board, tally: &Tally, style: Style, size: Size, now: i64) -> Vec<Line> {
    let view = View {
        board,
        tally,
        style,
        now,
    };
    let entries = view.entries(size.height.saturating_sub(3).max(1));
    layout(&entries, style, size.width)
}

struct View<'a> {
    board: &'a Board,
    tally: &'a Tally,
    style: Style,
    now: i64,
}

/// The rows that a stage may use, by what they show.
#[derive(Clone, Copy, Default)]
struct Rows {
    failed: usize,
    running: usize,
    waiting: usize,
}

impl View<'_> {
    fn entries(&self, rows: usize) -> Vec<Entry> {
        let mut stages = self.board.stages();
        let Some((pipeline, root)) = stages.next() else {
            return Vec::new();
        };
        let all: Vec<(&Name, &Stage)> = stages.collect();
        let (done, shown): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(_, stage)| {
            let done = |status: Status| status.is_good() || status == Status::Skipped;
            matches!(stage.ended, Some((status, _)) if done(status))
        });
        let mut entries = vec![self.head(pipeline, root, all.len())];
        entries.extend(self.ended_well(&done, rows));
        let kept = shown
            .len()
            .min(rows.saturating_sub(entries.len()).div_ceil(2));
        let sections: Vec<(Option<&Name>, &Stage)> = std::iter::once((None, root))
            .chain(
                shown
                    .iter()
                    .take(kept)
                    .map(|(name, stage)| (Some(*name), *stage)),
            )
            .collect();
        let more = shown.len() - kept;
        let used = entries.len() + kept + usize::from(more > 0);
        let shares = self.shares(&sections, rows.saturating_sub(used));
        for ((name, stage), rows) in sections.into_iter().zip(shares) {
            if let Some(name) = name {
                entries.push(self.stage(name, stage));
            }
            let above = name.unwrap_or(pipeline);
            self.units(
                above,
                stage,
                rows,
                if name.is_some() { 2 } else { 1 },
                &mut entries,
            );
        }
        if more > 0 {
            entries.push(self.more(
                1,
                Mark::Skip,
                format!("{} more", words::many(more, "stage")),
            ));
        }
        entries.truncate(rows);
        entries
    }

    /// `release  r-7f3a   ✓ 120 done · 3 running`
    fn head(&self, pipeline: &str, root: &Stage, stages: usize) -> Entry {
        let mut label = Line::of(Tone::Bold, text::clean(pipeline));
        label.add(Tone::Dim, format!("  {}", self.board.run));
        let (mut running, mut waiting, mut to_come) = (0, 0, 0);
        for (name, stage) in self.board.stages() {
            running += stage.running();
            waiting += stage.waiting_units();
            to_come += self.to_come(name, stage);
        }
        let (words, short) = if stages == 1 {
            (Line::new(), None)
        } else {
            self.progress(self.tally.all(), running, waiting, to_come)
        };
        Entry {
            depth: 0,
            mark: if root.rolling_back {
                Mark::Back
            } else {
                Mark::Run
            },
            label,
            words,
            short,
            elapsed: self.elapsed(self.board.began),
            column: Column::Head,
        }
    }

    fn ended_well(&self, done: &[(&Name, &Stage)], rows: usize) -> Vec<Entry> {
        if done.len() <= FEW_STAGES.min(rows / 4) {
            return done
                .iter()
                .map(|(name, stage)| self.stage(name, stage))
                .collect();
        }
        let words = format!("{} done", words::many(done.len(), "stage"));
        vec![self.more(1, Mark::Good, words)]
    }

    fn stage(&self, name: &Name, stage: &Stage) -> Entry {
        let mut words = Line::new();
        let mut short = None;
        if let Some((waiting, since)) = &stage.waiting {
            words.add(Tone::Plain, self.waiting(waiting, *since));
        } else {
            let none = Counts::default();
            let counts = self.tally.of_stage(name).unwrap_or(&none);
            let to_come = self.to_come(name, stage);
            let (running, waiting) = (stage.running(), stage.waiting_units());
            let (full, brief) = self.progress(counts, running, waiting, to_come);
            if stage.rolling_back {
                words.add(Tone::Warn, "rolling back  ");
            }
            words.append(full);
            short = brief;
        }
        let mark = match stage.ended {
            Some((status, _)) => words::mark(status),
            None if stage.rolling_back => Mark::Back,
            None if stage.waiting.is_some() => Mark::Wait,
            None if stage.is_to_come() => Mark::Skip,
            None => Mark::Run,
        };
        let tone = match mark {
            Mark::Skip => Tone::Dim,
            _ => Tone::Bold,
        };
        let elapsed = match stage.ended {
            Some((_, end)) => stage.since.zip(end).map(|(since, end)| end - since),
            None => self.elapsed(stage.since),
        };
        Entry {
            depth: 1,
            mark,
            label: Line::of(tone, self.label(name, "")),
            words,
            short,
            elapsed,
            column: Column::Stage,
        }
    }

    /// The counts in words, and by their symbols alone.
    fn progress(
        &self,
        counts: &Counts,
        running: usize,
        waiting: usize,
        to_come: usize,
    ) -> (Line, Option<Line>) {
        let line = |full| words::progress(counts, (running, waiting, to_come), full, self.style);
        (line(true), Some(line(false)))
    }

    fn to_come(&self, name: &Name, stage: &Stage) -> usize {
        let expected = stage.expected.filter(|_| stage.ended.is_none());
        let heard_of = self.tally.of_stage(name).map_or(0, Counts::total);
        expected.unwrap_or(0).saturating_sub(heard_of)
    }

    /// Divides the rows among failures, waiting and running units of all sections.
    fn shares(&self, sections: &[(Option<&Name>, &Stage)], rows: usize) -> Vec<Rows> {
        let mut wants = Vec::new();
        for (_, stage) in sections {
            wants.push(self.board.failed(stage).count() + stage.failed_more);
            wants.push(stage.running());
            wants.push(self.waiting_rows(stage));
        }
        let given = share(rows, &wants);
        given
            .chunks(3)
            .map(|given| Rows {
                failed: given[0],
                running: given[1],
                waiting: given[2],
            })
            .collect()
    }

    fn waiting_rows(&self, stage: &Stage) -> usize {
        let groups = self.board.waiting(stage);
        groups
            .map(|(count, _)| if count <= FEW { count } else { 1 })
            .sum()
    }

    fn units(&self, above: &str, stage: &Stage, rows: Rows, depth: usize, out: &mut Vec<Entry>) {
        let failed = self.board.failed(stage);
        let failed = failed.map(|failed| (1, self.failed(above, failed, depth)));
        let all = self.board.failed(stage).count() + stage.failed_more;
        self.some(failed, all, rows.failed, (depth, Mark::Bad, "failed"), out);

        let running = self.board.running(stage);
        let running = running.map(|unit| (1, self.unit(above, unit, depth)));
        self.some(
            running,
            stage.running(),
            rows.running,
            (depth, Mark::Run, "running"),
            out,
        );

        let waiting = self.board.waiting(stage).flat_map(|(count, units)| {
            let one_by_one = count <= FEW;
            let units = units.take(if one_by_one { count } else { 1 });
            units.map(move |unit| match one_by_one {
                true => (1, self.unit(above, unit, depth)),
                false => (count, self.group(unit, count, depth)),
            })
        });
        let all = stage.waiting_units();
        self.some(
            waiting,
            all,
            rows.waiting,
            (depth, Mark::Wait, "waiting"),
            out,
        );
    }

    /// As many entries as there are rows, each with the number of units that it stands for; where
    /// not all are shown, the last row says how many more there are.
    fn some(
        &self,
        entries: impl Iterator<Item = (usize, Entry)>,
        all: usize,
        rows: usize,
        (depth, mark, word): (usize, Mark, &str),
        out: &mut Vec<Entry>,
    ) {
        let mut entries: Vec<(usize, Entry)> = entries.take(rows).collect();
        let told =
            |entries: &[(usize, Entry)]| entries.iter().map(|(count, _)| count).sum::<usize>();
        if rows > 0 && told(&entries) < all && entries.len() == rows {
            entries.pop();
        }
        let rest = all - told(&entries).min(all);
        let more = if entries.is_empty() { "" } else { "more " };
        out.extend(entries.into_iter().map(|(_, entry)| entry));
        if rest > 0 && rows > 0 {
            out.push(self.more(depth, mark, format!("{rest} {more}{word}")));
        }
    }

    fn more(&self, depth: usize, mark: Mark, words: String) -> Entry {
        Entry {
            depth,
            mark,
            label: Line::of(Tone::Dim, words),
            words: Line::new(),
            elapsed: None,
            short: None,
            column: Column::Unit,
        }
    }

    fn failed(&self, above: &str, failed: &Failed, depth: usize) -> Entry {
        let mark = words::mark(failed.status);
        let mut words = Line::new();
        match failed.status {
            Status::RolledBack => {
                words.add(Tone::Warn, format!("rolled back {} ", self.style.dot()));
            }
            Status::RollbackFailed => {
                words.add(Tone::Bad, format!("rollback failed {} ", self.style.dot()));
            }
            _ => {}
        }
        words.add(Tone::Plain, &*failed.message);
        Entry {
            depth,
            mark,
            label: Line::of(mark.tone(), self.label(&failed.node, above)),
            words,
            elapsed: None,
            short: None,
            column: Column::Unit,
        }
    }

    fn unit(&self, above: &str, unit: &Unit, depth: usize) -> Entry {
        let mut words = Line::new();
        let mut mark = Mark::Run;
        if unit.rolling_back {
            mark = Mark::Back;
            words.add(Tone::Warn, "rolling back");
        }
        let mut since = unit.since;
        if let Some(part) = unit.doing() {
            let mut say = |tone: Tone, what: &str| {
                if !what.is_empty() {
                    let gap = if words.is_empty() { "" } else { "  " };
                    words.add(tone, format!("{gap}{what}"));
                }
            };
            say(Tone::Plain, &inner(&unit.node, &part.node, part.kind));
            if let Some(waiting) = &part.waiting {
                mark = match waiting {
                    Waiting::Approval { .. } => Mark::Ask,
                    Waiting::Retry { .. } => Mark::Again,
                    _ if unit.rolling_back => Mark::Back,
                    Waiting::Barrier { .. } | Waiting::Lock { .. } | Waiting::Time { .. } => {
                        Mark::Wait
                    }
                };
                since = part.since;
                let tone = match waiting {
                    Waiting::Approval { .. } => Tone::Warn,
                    Waiting::Barrier { .. }
                    | Waiting::Lock { .. }
                    | Waiting::Retry { .. }
                    | Waiting::Time { .. } => Tone::Plain,
                };
                say(tone, &self.waiting(waiting, part.since));
            } else {
                say(Tone::Dim, &part.said);
            }
        }
        Entry {
            depth,
            mark,
            label: Line::of(Tone::Plain, self.label(&unit.node, above)),
            words,
            elapsed: self.elapsed(since),
            short: None,
            column: Column::Unit,
        }
    }

    /// `497 deployments   wait for barrier BE: 497 of 500 arrived`
    fn group(&self, first: &Unit, count: usize, depth: usize) -> Entry {
        let word = match first.kind {
            NodeKind::Deploy => "deployment",
            NodeKind::Pipeline
            | NodeKind::Stage
            | NodeKind::Serial
            | NodeKind::Parallel
            | NodeKind::Cell
            | NodeKind::Step
            | NodeKind::Run
            | NodeKind::Workflow
            | NodeKind::Action
            | NodeKind::Barrier
            | NodeKind::Lock
            | NodeKind::Approve
            | NodeKind::Wait
            | NodeKind::Verify
            | NodeKind::Log
            | NodeKind::Undo => "strand",
        };
        let part = first.doing();
        let waiting = part.and_then(|part| Some((part.waiting.as_ref()?, part.since)));
        let what = match waiting {
            Some((Waiting::Retry { .. }, _)) => String::from("wait to be tried again"),
            Some((Waiting::Time { .. }, _)) | None => String::from("wait"),
            Some((
                waiting @ (Waiting::Barrier { .. }
                | Waiting::Lock { .. }
                | Waiting::Approval { .. }),
                since,
            )) => self.waiting(waiting, since).replacen("waits", "wait", 1),
        };
        let mark = match waiting {
            Some((Waiting::Approval { .. }, _)) => Mark::Ask,
            Some((
                Waiting::Barrier { .. }
                | Waiting::Lock { .. }
                | Waiting::Retry { .. }
                | Waiting::Time { .. },
                _,
            ))
            | None => Mark::Wait,
        };
        Entry {
            depth,
            mark,
            label: Line::of(Tone::Plain, words::many(count, word)),
            words: Line::of(Tone::Plain, what),
            elapsed: self.elapsed(waiting.and_then(|(_, since)| since)),
            short: None,
            column: Column::Unit,
        }
    }

    fn elapsed(&self, since: Option<i64>) -> Option<i64> {
        since.map(|since| self.now - since)
    }

    fn waiting(&self, waiting: &Waiting, since: Option<i64>) -> String {
        let since = self.elapsed(since);
        match waiting {
            Waiting::Barrier {
                name,
                expected,
                arrived,
            } => {
                let latest = Waiting::Barrier {
                    name: name.clone(),
                    arrived: self.board.arrived(name).unwrap_or(*arrived),
                    expected: *expected,
                };
                words::waiting(&latest, since)
            }
            waiting @ (Waiting::Lock { .. }
            | Waiting::Retry { .. }
            | Waiting::Time { .. }
            | Waiting::Approval { .. }) => words::waiting(waiting, since),
        }
    }

    /// A readable name, without the stage that is shown above it.
    fn label(&self, node: &str, above: &str) -> String {
        let below = node
            .strip_prefix(above)
            .and_then(|rest| rest.strip_prefix('/'));
        let label = match below {
            Some(below) if path::deployment(node).is_none() => below.to_owned(),
            _ => path::label(node, self.style.arrow(), self.style.dot()),
        };
        text::clean(&label).into_owned()
    }
}

/// The name of a node inside its unit. The word `run` is left out for commands.
fn inner(unit: &str, node: &str, kind: NodeKind) -> String {
    let Some(below) = node
        .strip_prefix(unit)
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return String::new();
    };
    let mut names: Vec<&str> = path::segments(below).collect();
    if kind == NodeKind::Run && names.last().is_some_and(|name| name.starts_with("run")) {
        names.pop();
    }
    text::clean(&names.join("/")).into_owned()
}

/// Gives one row to each in turn, until all have what they want or no row is left.
fn share(rows: usize, wants: &[usize]) -> Vec<usize> {
    let mut given = vec![0; wants.len()];
    let mut left = rows;
    loop {
        let before = left;
        for (given, want) in given.iter_mut().zip(wants) {
            if left > 0 && *given < *want {
                *given += 1;
                left -= 1;
            }
        }
        if left == 0 || left == before {
            return given;
        }
    }
}

fn layout(entries: &[Entry], style: Style, width: usize) -> Vec<Line> {
    // The last column stays free: a full line makes some terminals wrap.
    let room = width.saturating_sub(1);
    let widest = |column: Column| {
        let entries = entries
            .iter()
            .filter(|entry| entry.column == column && !entry.words.is_empty());
        entries
            .map(|entry| entry.depth * 2 + 2 + entry.label.width())
            .max()
            .unwrap_or(0)
    };
    // Column widths change in steps, so that they seldom move.
    let column = |wide: usize| wide.next_multiple_of(4).min(room * 11 / 20);
    let head = widest(Column::Head).min(room);
    let (stages, units) = (column(widest(Column::Stage)), column(widest(Column::Unit)));
    let lines = entries.iter().map(|entry| {
        let mut line = Line::of(Tone::Plain, "  ".repeat(entry.depth));
        line.add(entry.mark.tone(), style.mark(entry.mark))
            .add(Tone::Plain, " ")
            .append(entry.label.clone());
        let time = entry.elapsed.filter(|_| width >= NO_TIMES);
        let time = time.map(words::ticking).unwrap_or_default();
        let end = room.saturating_sub(time.len());
        let room = end.saturating_sub(usize::from(!time.is_empty()));
        if !entry.words.is_empty() {
            let column = match entry.column {
                Column::Head => head,
                Column::Stage => stages,
                Column::Unit => units,
            };
            line.fit(column, style).pad(column).add(Tone::Plain, "  ");
            let fits = column + 2 + entry.words.width() <= room;
            let words = match &entry.short {
                Some(short) if !fits => short,
                _ => &entry.words,
            };
            line.append(words.clone());
        }
        line.fit(room, style);
        if !time.is_empty() {
            line.pad(end).add(Tone::Dim, time);
        }
        line
    });
    lines.collect()
}
