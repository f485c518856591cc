//! Layout of the live view: turns the board into lines for a screen of a given size at a given
//! time.

use crate::cell_counts::CellCounts;
use crate::deployment_counts::{DeploymentCounts, StatusCounts};
use crate::style::{LineSymbol, StyledLine, Tone};
use crate::{Style, path, phrases, text};
use lockstep_base::node_path::{self, NodePath, PathPart};
use lockstep_engine::run_event::{NodeKind, Status, WaitReason};
use lockstep_lang::ir::command::COMMAND_WORDS;

use super::board::{BoardFailure, RunBoard, StageBoard, WorkUnit};

/// Up to so many units that wait for the same thing are shown one by one.
const MAX_UNGROUPED_UNITS: usize = 3;
/// Up to so many stages that ended well are shown one by one.
const MAX_ENDED_STAGES: usize = 3;
/// A screen narrower than this shows no times.
const MIN_COLUMNS_FOR_TIMES: usize = 24;

/// The size of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScreenSize {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A line in its parts, before the column widths are known.
struct FrameLine {
    depth: usize,
    mark: LineSymbol,
    label: StyledLine,
    words: StyledLine,
    /// The short form where the full one does not fit.
    short: Option<StyledLine>,
    elapsed: Option<i64>,
    column: FrameColumn,
}

/// The words of entries of one kind are aligned in one column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameColumn {
    Head,
    Stage,
    Unit,
}

/// The lines of a board: at most the screen's height less three, none wider than the screen.
pub(super) fn frame(
    board: &RunBoard,
    (tally, cells): (&DeploymentCounts, &CellCounts),
    style: Style,
    size: ScreenSize,
    now: i64,
) -> Vec<StyledLine> {
    let view = FrameView {
        board,
        tally,
        cells,
        style,
        now,
    };
    let entries = view.entries(size.height.saturating_sub(3).max(1));
    layout(&entries, style, size.width)
}

struct FrameView<'a> {
    board: &'a RunBoard,
    tally: &'a DeploymentCounts,
    cells: &'a CellCounts,
    style: Style,
    now: i64,
}

/// The rows that a stage may use, by what they show.
#[derive(Clone, Copy, Default)]
struct StageRows {
    failed: usize,
    running: usize,
    waiting: usize,
}

impl FrameView<'_> {
    fn entries(&self, rows: usize) -> Vec<FrameLine> {
        let mut stages = self.board.stages();
        let Some((pipeline, root)) = stages.next() else {
            return Vec::new();
        };
        let all: Vec<(&NodePath, &StageBoard)> = stages.collect();
        let (done, shown): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(_, stage)| {
            let done = |status: Status| status.is_good() || status == Status::Skipped;
            matches!(stage.ended, Some((status, _)) if done(status))
        });
        let mut entries = vec![self.head(pipeline, root, all.len())];
        entries.extend(self.ended_well(&done, rows));
        let shown_count = shown
            .len()
            .min(rows.saturating_sub(entries.len()).div_ceil(2));
        let sections: Vec<(Option<&NodePath>, &StageBoard)> = std::iter::once((None, root))
            .chain(
                shown
                    .iter()
                    .take(shown_count)
                    .map(|(name, stage)| (Some(*name), *stage)),
            )
            .collect();
        let more = shown.len() - shown_count;
        let used = entries.len() + shown_count + usize::from(more > 0);
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
                LineSymbol::Skip,
                format!("{} more", phrases::count_text(more, "stage")),
            ));
        }
        entries.truncate(rows);
        entries
    }

    /// `release  r-7f3a   ✓ 120 done · 3 running`
    fn head(&self, pipeline: &str, root: &StageBoard, stages: usize) -> FrameLine {
        let mut label = StyledLine::of(Tone::Bold, text::clean(pipeline));
        label.add(Tone::Dim, format!("  {}", self.board.run));
        let (mut running, mut waiting, mut to_come) = (0, 0, 0);
        let deploys = self.tally.all().total() > 0
            || self
                .board
                .stages()
                .any(|(_, stage)| stage.expected > Some(0));
        for (name, stage) in self.board.stages() {
            running += stage.running();
            waiting += stage.waiting_units();
            // Deployments and cells are not added up.
            if !deploys || stage.cells == 0 {
                to_come += self.to_come(name, stage);
            }
        }
        let (words, short) = if let Some((waiting, since)) = &root.waiting {
            let words = StyledLine::of(Tone::Plain, self.waiting(waiting, *since));
            (words, None)
        } else if stages == 1 {
            (StyledLine::new(), None)
        } else {
            let counts = match deploys {
                true => self.tally.all(),
                false => self.cells.all(),
            };
            self.progress(counts, running, waiting, to_come)
        };
        FrameLine {
            depth: 0,
            mark: match root.rolling_back {
                true => LineSymbol::Back,
                false if root.waiting.is_some() => LineSymbol::Wait,
                false => LineSymbol::Run,
            },
            label,
            words,
            short,
            elapsed: self.elapsed(self.board.began),
            column: FrameColumn::Head,
        }
    }

    fn ended_well(&self, done: &[(&NodePath, &StageBoard)], rows: usize) -> Vec<FrameLine> {
        if done.len() <= MAX_ENDED_STAGES.min(rows / 4) {
            return done
                .iter()
                .map(|(name, stage)| self.stage(name, stage))
                .collect();
        }
        let words = format!("{} done", phrases::count_text(done.len(), "stage"));
        vec![self.more(1, LineSymbol::Good, words)]
    }

    fn stage(&self, name: &NodePath, stage: &StageBoard) -> FrameLine {
        let mut words = StyledLine::new();
        let mut short = None;
        if let Some((waiting, since)) = &stage.waiting {
            words.add(Tone::Plain, self.waiting(waiting, *since));
        } else {
            let none = StatusCounts::default();
            let counts = match stage.cells {
                0 => self.tally.of_stage(name),
                _ => self.cells.of_stage(name),
            };
            let counts = counts.unwrap_or(&none);
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
            Some((status, _)) => phrases::status_symbol(status),
            None if stage.rolling_back => LineSymbol::Back,
            None if stage.waiting.is_some() => LineSymbol::Wait,
            None if stage.is_to_come() => LineSymbol::Skip,
            None => LineSymbol::Run,
        };
        let tone = match mark {
            LineSymbol::Skip => Tone::Dim,
            _ => Tone::Bold,
        };
        let elapsed = match stage.ended {
            Some((_, end)) => stage.since.zip(end).map(|(since, end)| end - since),
            None => self.elapsed(stage.since),
        };
        FrameLine {
            depth: 1,
            mark,
            label: StyledLine::of(tone, self.label(name, "")),
            words,
            short,
            elapsed,
            column: FrameColumn::Stage,
        }
    }

    /// The counts in words, and by their symbols alone.
    fn progress(
        &self,
        counts: &StatusCounts,
        running: usize,
        waiting: usize,
        to_come: usize,
    ) -> (StyledLine, Option<StyledLine>) {
        let line =
            |full| phrases::progress_text(counts, (running, waiting, to_come), full, self.style);
        (line(true), Some(line(false)))
    }

    fn to_come(&self, name: &NodePath, stage: &StageBoard) -> usize {
        if stage.ended.is_some() {
            return 0;
        }
        if stage.cells > 0 {
            return stage.cells.saturating_sub(self.cells.begun(name));
        }
        let heard_of = self.tally.of_stage(name).map_or(0, StatusCounts::total);
        stage.expected.unwrap_or(0).saturating_sub(heard_of)
    }

    /// Divides the rows among failures, waiting and running units of all sections.
    fn shares(&self, sections: &[(Option<&NodePath>, &StageBoard)], rows: usize) -> Vec<StageRows> {
        let mut wants = Vec::new();
        for (_, stage) in sections {
            wants.push(self.board.failed(stage).count() + stage.failed_more);
            wants.push(stage.running());
            wants.push(self.waiting_rows(stage));
        }
        let given = share(rows, &wants);
        given
            .chunks(3)
            .map(|given| StageRows {
                failed: given[0],
                running: given[1],
                waiting: given[2],
            })
            .collect()
    }

    fn waiting_rows(&self, stage: &StageBoard) -> usize {
        let groups = self.board.waiting(stage);
        groups
            .map(|(count, _)| {
                if count <= MAX_UNGROUPED_UNITS {
                    count
                } else {
                    1
                }
            })
            .sum()
    }

    fn units(
        &self,
        above: &str,
        stage: &StageBoard,
        rows: StageRows,
        depth: usize,
        out: &mut Vec<FrameLine>,
    ) {
        let failed = self.board.failed(stage);
        let failed = failed.map(|failed| (1, self.failed(above, failed, depth)));
        let all = self.board.failed(stage).count() + stage.failed_more;
        self.some(
            failed,
            all,
            rows.failed,
            (depth, LineSymbol::Bad, "failed"),
            out,
        );

        let running = self.board.running(stage);
        let running = running.map(|unit| (1, self.unit(above, unit, depth)));
        self.some(
            running,
            stage.running(),
            rows.running,
            (depth, LineSymbol::Run, "running"),
            out,
        );

        let waiting = self.board.waiting(stage).flat_map(|(count, units)| {
            let one_by_one = count <= MAX_UNGROUPED_UNITS;
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
            (depth, LineSymbol::Wait, "waiting"),
            out,
        );
    }

    /// As many entries as there are rows, each with the number of units that it stands for; where
    /// not all are shown, the last row says how many more there are.
    fn some(
        &self,
        entries: impl Iterator<Item = (usize, FrameLine)>,
        all: usize,
        rows: usize,
        (depth, mark, word): (usize, LineSymbol, &str),
        out: &mut Vec<FrameLine>,
    ) {
        let mut entries: Vec<(usize, FrameLine)> = entries.take(rows).collect();
        let represented =
            |entries: &[(usize, FrameLine)]| entries.iter().map(|(count, _)| count).sum::<usize>();
        if rows > 0 && represented(&entries) < all && entries.len() == rows {
            entries.pop();
        }
        let rest = all - represented(&entries).min(all);
        let more = if entries.is_empty() { "" } else { "more " };
        out.extend(entries.into_iter().map(|(_, entry)| entry));
        if rest > 0 && rows > 0 {
            out.push(self.more(depth, mark, format!("{rest} {more}{word}")));
        }
    }

    fn more(&self, depth: usize, mark: LineSymbol, words: String) -> FrameLine {
        FrameLine {
            depth,
            mark,
            label: StyledLine::of(Tone::Dim, words),
            words: StyledLine::new(),
            elapsed: None,
            short: None,
            column: FrameColumn::Unit,
        }
    }

    fn failed(&self, above: &str, failed: &BoardFailure, depth: usize) -> FrameLine {
        let mark = phrases::status_symbol(failed.status);
        let mut words = StyledLine::new();
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
        FrameLine {
            depth,
            mark,
            label: StyledLine::of(mark.tone(), self.label(&failed.node, above)),
            words,
            elapsed: None,
            short: None,
            column: FrameColumn::Unit,
        }
    }

    fn unit(&self, above: &str, unit: &WorkUnit, depth: usize) -> FrameLine {
        let mut words = StyledLine::new();
        let mut mark = LineSymbol::Run;
        if unit.rolling_back {
            mark = LineSymbol::Back;
            words.add(Tone::Warn, "rolling back");
        }
        let mut since = unit.since;
        if let Some(part) = unit.doing() {
            let mut add = |tone: Tone, what: &str| {
                if !what.is_empty() {
                    let gap = if words.is_empty() { "" } else { "  " };
                    words.add(tone, format!("{gap}{what}"));
                }
            };
            add(
                Tone::Plain,
                &inner(&unit.node, &part.node, part.kind, self.style),
            );
            if let Some(waiting) = &part.waiting {
                mark = match waiting {
                    WaitReason::Approval { .. } => LineSymbol::Ask,
                    WaitReason::Retry { .. } => LineSymbol::Again,
                    _ if unit.rolling_back => LineSymbol::Back,
                    WaitReason::Queue { .. }
                    | WaitReason::Barrier { .. }
                    | WaitReason::Lock { .. }
                    | WaitReason::Window { .. }
                    | WaitReason::Time { .. } => LineSymbol::Wait,
                };
                since = part.since;
                let tone = match waiting {
                    WaitReason::Approval { .. } => Tone::Warn,
                    WaitReason::Queue { .. }
                    | WaitReason::Barrier { .. }
                    | WaitReason::Lock { .. }
                    | WaitReason::Window { .. }
                    | WaitReason::Retry { .. }
                    | WaitReason::Time { .. } => Tone::Plain,
                };
                add(tone, &self.waiting(waiting, part.since));
            } else {
                add(Tone::Dim, &part.last_output);
            }
        }
        FrameLine {
            depth,
            mark,
            label: StyledLine::of(Tone::Plain, self.label(&unit.node, above)),
            words,
            elapsed: self.elapsed(since),
            short: None,
            column: FrameColumn::Unit,
        }
    }

    /// `497 deployments   wait for barrier BE: 497 of 500 arrived`
    fn group(&self, first: &WorkUnit, count: usize, depth: usize) -> FrameLine {
        let word = match first.kind == NodeKind::Deploy {
            true => "deployment",
            false => "strand",
        };
        let part = first.doing();
        let waiting = part.and_then(|part| Some((part.waiting.as_ref()?, part.since)));
        let what = match waiting {
            Some((WaitReason::Retry { .. }, _)) => String::from("wait for a retry"),
            Some((WaitReason::Time { .. }, _)) | None => String::from("wait"),
            Some((
                waiting @ (WaitReason::Queue { .. }
                | WaitReason::Barrier { .. }
                | WaitReason::Lock { .. }
                | WaitReason::Window { .. }
                | WaitReason::Approval { .. }),
                since,
            )) => self.waiting(waiting, since).replacen("waits", "wait", 1),
        };
        let mark = match waiting {
            Some((WaitReason::Approval { .. }, _)) => LineSymbol::Ask,
            Some((
                WaitReason::Queue { .. }
                | WaitReason::Barrier { .. }
                | WaitReason::Lock { .. }
                | WaitReason::Window { .. }
                | WaitReason::Retry { .. }
                | WaitReason::Time { .. },
                _,
            ))
            | None => LineSymbol::Wait,
        };
        FrameLine {
            depth,
            mark,
            label: StyledLine::of(Tone::Plain, phrases::count_text(count, word)),
            words: StyledLine::of(Tone::Plain, what),
            elapsed: self.elapsed(waiting.and_then(|(_, since)| since)),
            short: None,
            column: FrameColumn::Unit,
        }
    }

    fn elapsed(&self, since: Option<i64>) -> Option<i64> {
        since.map(|since| self.now - since)
    }

    fn waiting(&self, waiting: &WaitReason, since: Option<i64>) -> String {
        let since = self.elapsed(since);
        match waiting {
            WaitReason::Barrier {
                name,
                expected,
                arrived,
            } => {
                let latest = WaitReason::Barrier {
                    name: name.clone(),
                    arrived: self.board.arrived(name).unwrap_or(*arrived),
                    expected: *expected,
                };
                phrases::wait_text(&latest, since)
            }
            waiting @ (WaitReason::Queue { .. }
            | WaitReason::Lock { .. }
            | WaitReason::Window { .. }
            | WaitReason::Retry { .. }
            | WaitReason::Time { .. }
            | WaitReason::Approval { .. }) => phrases::wait_text(waiting, since),
        }
    }

    /// A readable name, without the stage that is shown above it.
    fn label(&self, node: &str, above: &str) -> String {
        let below = node_path::below(node, above);
        let label = match below {
            Some(below) if node_path::deployment(node).is_none() => {
                node_path::shown(below, self.style.ellipsis())
            }
            _ => path::label(node, self.style),
        };
        text::clean(&label).into_owned()
    }
}

/// The name of a node inside its unit. The first words of commands are left out.
fn inner(unit: &str, node: &str, kind: NodeKind, style: Style) -> String {
    let Some(below) = node_path::below(node, unit) else {
        return String::new();
    };
    let last = PathPart::read(node_path::last(below));
    let is_command = kind == NodeKind::Run && COMMAND_WORDS.contains(&&*last.name);
    let below = match is_command {
        true => node_path::parent(below).unwrap_or_default(),
        false => below,
    };
    text::clean(&node_path::shown(below, style.ellipsis())).into_owned()
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

fn layout(entries: &[FrameLine], style: Style, width: usize) -> Vec<StyledLine> {
    // The last column stays free: a full line makes some terminals wrap.
    let room = width.saturating_sub(1);
    let widest = |column: FrameColumn| {
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
    let head = widest(FrameColumn::Head).min(room);
    let (stages, units) = (
        column(widest(FrameColumn::Stage)),
        column(widest(FrameColumn::Unit)),
    );
    let lines = entries.iter().map(|entry| {
        let mut line = StyledLine::of(Tone::Plain, "  ".repeat(entry.depth));
        line.add(entry.mark.tone(), style.mark(entry.mark))
            .add(Tone::Plain, " ")
            .append(entry.label.clone());
        let time = entry.elapsed.filter(|_| width >= MIN_COLUMNS_FOR_TIMES);
        let time = time.map(phrases::elapsed_text).unwrap_or_default();
        let end = room.saturating_sub(time.len());
        let room = end.saturating_sub(usize::from(!time.is_empty()));
        if !entry.words.is_empty() {
            let column = match entry.column {
                FrameColumn::Head => head,
                FrameColumn::Stage => stages,
                FrameColumn::Unit => units,
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
