//! The outline of each kind of statement, and how it is counted.

use super::builder::{BarrierFrame, ListingPath, OutlineBuilder, OutlinePart, StrandName};
use super::item::{DeployTarget, Item, ItemKind};
use super::longest_time::{LongestTime, add};
use super::measure::{Count, Measure, StageLocks};
use super::minimum_time::MinimumTime;
use super::peak_load::{LoadLock, PeakLoad};
use super::{BarrierMembers, labels};
use lockstep_base::node_path::PathPart;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::command::{Form, TransferDirection};
use lockstep_lang::ir::{Order, StmtKind};
use lockstep_plan::body;
use lockstep_plan::grid::Position;
use lockstep_plan::{BarrierKey, BarrierName, BodySummary, Locals, Place};
use lockstep_plan::{PlanNode, PlanSequence, TreeId};

impl<'a> OutlineBuilder<'a> {
    pub(super) fn statement(
        &mut self,
        id: TreeId,
        node: &'a PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        match node.holds_locks {
            true => self.lock_holder(id, node, locals, at),
            false => self.statement_itself(id, node, locals, at),
        }
    }

    fn statement_itself(
        &mut self,
        id: TreeId,
        node: &'a PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        match &node.stmt.kind {
            StmtKind::Stage { name, .. } => self.block(id, ItemKind::Stage, name, locals, at),
            StmtKind::Block(_) => self.block(id, ItemKind::Serial, "", locals, at),
            StmtKind::Step { name, .. } => self.block(id, ItemKind::Step, name, locals, at),
            StmtKind::Parallel(_) => self.parallel(id, node, locals, at),
            StmtKind::Matrix(matrix) => self.matrix(id, node, matrix, locals, at),
            StmtKind::Deploy { .. } => self.deploy(id, node, locals, at),
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions: Vec<&Expr> = branches.iter().map(|(it, _)| it).collect();
                self.branches(id, &conditions, otherwise.is_some(), locals, at)
            }
            StmtKind::Call(using) => {
                let path = at.map(|at| self.path(at, id, locals));
                let mut inside = self.walk.call(using, locals).unwrap_or_default();
                let seen = self.seq(body(node), &mut inside, path.as_ref());
                let name = node.label.as_deref().unwrap_or_default();
                let workflow = self.walk.workflow(using).map_or(name, |it| &*it.name);
                // A call that is named is called so in paths; what runs is said too.
                let label = match using.called.as_deref() {
                    Some(called) if called != workflow => format!("{called} = {workflow}"),
                    Some(_) | None => name.to_string(),
                };
                self.wrap(id, ItemKind::Workflow, &label, locals, at, seen)
            }
            StmtKind::Lock {
                resource, limit, ..
            } => self.lock(id, resource, limit.as_ref(), locals, at),
            StmtKind::Verify { during, every, .. } => {
                let said = |expr| labels::text(&self.walk, expr, locals);
                let label = at.map(|_| format!("for {} every {}", said(during), said(every)));
                let label = label.unwrap_or_default();
                let mut seen = self.block(id, ItemKind::Verify, &label, locals, at);
                let span = during.span;
                let during = self.time(during, locals);
                seen.measure.shortest.raise(span, during.unwrap_or(0));
                let looks = &mut seen.measure.longest;
                looks.run = add(during, looks.run);
                seen
            }
            StmtKind::On {
                target,
                dir,
                env,
                with,
                ..
            } => {
                let label = at
                    .map(|_| labels::given(&self.walk, target.as_ref(), dir.as_ref(), env, locals));
                let label = label.unwrap_or_default();
                let kind = if *with { ItemKind::With } else { ItemKind::On };
                self.block(id, kind, &label, locals, at)
            }
            StmtKind::Barrier { name, key, .. } => {
                let key = self.walk.barrier_key(key.as_ref(), locals);
                let key = key.unwrap_or(BarrierKey::Unknown);
                let known = node.meeting.filter(|_| key != BarrierKey::Unknown);
                let known = known.map(|meeting| BarrierName {
                    meeting,
                    name: name.clone(),
                    key,
                });
                self.barrier(id, name, known, locals, at)
            }
            StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::Verdict(_) => self.effect(id, node, locals, at),
        }
    }

    /// Statements without a body.
    fn effect(
        &mut self,
        id: TreeId,
        node: &PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let said = |expr: &Expr| at.map(|_| labels::text(&self.walk, expr, locals));
        let quoted = |expr: &Expr| match self.walk.eval(expr, locals) {
            Ok(_) => said(expr).map(|text| format!("\"{text}\"")),
            // As it was written, it is quoted already.
            Err(_) => said(expr),
        };
        let instant = Measure::default();
        let unbounded = Measure {
            longest: match self.undoing {
                // A rollback passes it over.
                true => LongestTime::default(),
                false => LongestTime::unbounded(),
            },
            ..Measure::default()
        };
        let command = Measure {
            commands: PeakLoad::of(1),
            others: PeakLoad::of(1),
            longest: LongestTime::of_command(self.grace_ms),
            ..Measure::default()
        };
        let (kind, label, measure) = match &node.stmt.kind {
            StmtKind::Run(run) => {
                let own = run.on.as_ref().map(|on| self.walk.place(on, locals));
                let place = own.as_ref().unwrap_or(&self.place);
                let is_here = *place == Place::Here && run.dir.is_none();
                let label = at.map(|_| labels::parts(&self.walk, run, is_here, locals));
                let (kind, label) = match &run.form {
                    Form::Transfer(transfer) => {
                        let word = transfer.direction.word();
                        let kind = match transfer.direction {
                            TransferDirection::Send => ItemKind::Send,
                            TransferDirection::Fetch => ItemKind::Fetch,
                        };
                        let rest = |label: String| match label.strip_prefix(word) {
                            Some(rest) => rest.trim_start().to_string(),
                            None => label,
                        };
                        (kind, label.map(rest))
                    }
                    Form::Direct(_) | Form::Shell { .. } => (ItemKind::Run, label),
                };
                let mut seen = self.leaf(id, kind, label, command, locals, at);
                if let Some(item) = seen.items.first_mut() {
                    let own = run.on.as_ref().map(|on| self.walk.place(on, locals));
                    item.runs_at(own.as_ref().unwrap_or(&self.place));
                    item.pool = match &run.on {
                        Some(on) => {
                            let own = self.walk.pools_on(on, locals, &self.pools);
                            own.ok().and_then(|pools| pools.pool)
                        }
                        None => self.pools.pool.clone(),
                    };
                    if item.place.is_none() && self.deploys_elsewhere {
                        item.place = Some(String::from("here"));
                    }
                }
                return seen;
            }
            StmtKind::Action { .. } => {
                let label = at.and(node.label.as_ref()).map(ToString::to_string);
                let mut seen = self.leaf(id, ItemKind::Action, label, command, locals, at);
                for item in &mut seen.items {
                    item.pool.clone_from(&self.pools.pool);
                }
                return seen;
            }
            StmtKind::Approve {
                question,
                by,
                count,
                except,
            } => {
                let mut seen = self.leaf(
                    id,
                    ItemKind::Approve,
                    quoted(question),
                    unbounded,
                    locals,
                    at,
                );
                if let Some(item) = seen.items.first_mut() {
                    let clauses = [("by", by), ("count", count), ("except", except)];
                    let notes = clauses.into_iter().filter_map(|(word, value)| {
                        let value = labels::text(&self.walk, value.as_ref()?, locals);
                        Some(format!("{word} {value}"))
                    });
                    item.notes.splice(0..0, notes);
                }
                return seen;
            }
            StmtKind::Wait(time) => {
                let longest = match self.time(time, locals) {
                    _ if self.undoing => LongestTime::default(),
                    Some(ms) => LongestTime::exactly(ms),
                    None => LongestTime::unbounded(),
                };
                let measure = Measure {
                    longest,
                    shortest: MinimumTime::of(time.span, self.time(time, locals).unwrap_or(0)),
                    ..Measure::default()
                };
                (ItemKind::Wait, said(time), measure)
            }
            StmtKind::Log(text) => (ItemKind::Log, quoted(text), instant),
            StmtKind::Fail(failing) => (ItemKind::Fail, quoted(&failing.message), instant),
            // They do nothing that could be seen from outside, or have a body.
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Call(_)
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Verify { .. }
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => return OutlinePart::default(),
        };
        self.leaf(id, kind, label, measure, locals, at)
    }

    fn leaf(
        &self,
        id: TreeId,
        kind: ItemKind,
        label: Option<String>,
        measure: Measure,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let seen = OutlinePart {
            measure,
            items: Vec::new(),
        };
        let mut seen = self.wrap(id, kind, &label.unwrap_or_default(), locals, at, seen);
        for item in &mut seen.items {
            item.order = None;
        }
        seen
    }

    /// A node with the one body that it has.
    fn block(
        &mut self,
        id: TreeId,
        kind: ItemKind,
        label: &str,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let path = at.map(|at| self.path(at, id, locals));
        let body = body(self.plan.tree.get(id));
        let seen = self.seq(body, &mut locals.clone(), path.as_ref());
        self.wrap(id, kind, label, locals, at, seen)
    }

    /// The item of a node, with what was found in it.
    fn wrap(
        &self,
        id: TreeId,
        kind: ItemKind,
        label: &str,
        locals: &Locals,
        at: ListingPath<'_>,
        inside: OutlinePart,
    ) -> OutlinePart {
        let Some(at) = at else { return inside };
        let node = self.plan.tree.get(id);
        let item = Item {
            kind,
            label: label.to_string(),
            path: node.label.as_ref().map(|_| self.path(at, id, locals)),
            order: Some(Order::Serial),
            notes: labels::modifiers(&self.walk, node, locals),
            items: inside.items,
            ..Item::default()
        };
        OutlinePart {
            measure: inside.measure,
            items: vec![item],
        }
    }

    fn barrier(
        &mut self,
        id: TreeId,
        name: &Name,
        known: Option<BarrierName>,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let Some(barrier) = known else {
            self.summary.unsure = true;
            self.open_barriers.extend(self.plan.tree.get(id).meeting);
            let label = at.map(|_| name.to_string());
            let mut seen = self.leaf(id, ItemKind::Barrier, label, Measure::default(), locals, at);
            for item in &mut seen.items {
                item.notes
                    .push(String::from("its key is known while running"));
            }
            return seen;
        };
        let label = at.map(|_| barrier.to_string());
        let mut seen = self.leaf(id, ItemKind::Barrier, label, Measure::default(), locals, at);
        match seen.items.first_mut() {
            Some(item) => item.meeting = self.meeting(barrier),
            None => self.pass(barrier, 1),
        }
        seen
    }

    /// The place of a barrier's meeting among those of the outline.
    fn meeting(&mut self, barrier: BarrierName) -> Option<usize> {
        let next = self.meetings.len();
        let name = barrier.to_string();
        let open = self.open_barriers.contains(&barrier.meeting);
        let (frame, fixed) = self.frame_of(&barrier)?;
        let prefix: Position = frame.position.iter().copied().take(fixed).collect();
        let met = frame.meets.get_mut(&(prefix, barrier))?;
        if let Some(index) = met.index {
            return Some(index);
        }
        met.index = Some(next);
        let meet = BarrierMembers {
            barrier: name,
            within: met.within.join(", "),
            strands: met.strands,
            open,
            who: met.who.clone(),
        };
        self.meetings.push(meet);
        Some(next)
    }

    /// A stage, or an `atomic` block around stages: it holds the locks of what is deployed in it.
    fn lock_holder(
        &mut self,
        id: TreeId,
        node: &'a PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let loose = std::mem::take(&mut self.loose);
        let windowed = std::mem::take(&mut self.windowed);
        let mut seen = self.statement_itself(id, node, locals, at);
        if self.plan.tree.holds_beyond_stages(id) {
            let sum = self.walk.summary_of_node(id, &mut locals.clone());
            self.add_possible_locks(&sum.unwrap_or_default());
        }
        let places = std::mem::replace(&mut self.loose, loose);
        let windowed = std::mem::replace(&mut self.windowed, windowed);
        if !places.is_empty() || !windowed.is_empty() {
            self.add_wait_for_locks(id, &mut seen);
        }
        let held = self.holds_in_windows(id, locals, windowed.into_iter().collect());
        if let Some(item) = seen.items.first_mut() {
            item.windows = self.item_windows(held.as_ref());
        }
        let measure = &mut seen.measure;
        if places.is_empty() {
            return seen;
        }
        if !self.summary.unsure && places.len() == self.summary.targets.len() {
            // Its deployments never run concurrently with those of a stage with the same locks.
            let mut sorted: Vec<_> = places.iter().copied().collect();
            sorted.sort_unstable();
            let lock = LoadLock::Places(sorted);
            measure.deploys.hold(lock.clone(), 1, 0);
            let others = measure.others.most().unwrap_or(u64::MAX);
            measure.commands.hold(lock, 1, others);
        }
        if let (Some(item), Some(at)) = (seen.items.first_mut(), at) {
            item.locks = self.locks(places.iter().copied());
            item.path = Some(self.path(at, id, locals));
        }
        let path = seen.items.first().and_then(|item| item.path.clone());
        seen.measure.stages = vec![StageLocks {
            path: path.unwrap_or_default(),
            places,
        }];
        seen
    }

    fn lock(
        &mut self,
        id: TreeId,
        resource: &Expr,
        limit: Option<&Expr>,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let name = at.map(|_| labels::text(&self.walk, resource, locals));
        let name = name.unwrap_or_default();
        let names = self.walk.lock_names(resource, locals);
        let mut seen = self.block(id, ItemKind::Lock, &name, locals, at);
        let places = limit.map_or(Some(1), |limit| self.count(limit, locals));
        if let (Ok(names), Some(places)) = (names, places) {
            let measure = &mut seen.measure;
            for name in names {
                let next = self.lock_numbers.len() as u32;
                let number = *self.lock_numbers.entry(name).or_insert(next);
                let lock = LoadLock::Named(number);
                measure.commands.hold(lock.clone(), places.max(1), 0);
                measure.others.hold(lock.clone(), places.max(1), 0);
                if measure.deploys.most() != Some(0) {
                    measure.deploys.hold(lock, places.max(1), 0);
                }
            }
        }
        if let (Some(item), Some(limit)) = (seen.items.first_mut(), limit) {
            let limit = labels::text(&self.walk, limit, locals);
            item.notes.insert(0, format!("limit {limit}"));
        }
        seen
    }

    fn parallel(
        &mut self,
        id: TreeId,
        node: &PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let path = at.map(|at| self.path(at, id, locals));
        let meets = at.is_some() && self.is_meeting_place(id);
        if meets {
            let frame = self.strands(id, body(node), locals);
            self.frames.push(frame);
        }
        let mut all = OutlinePart::default();
        let mut times = LongestTime::default();
        let mut turns = false;
        for child in body(node).iter() {
            let seen = self.node(*child, &mut locals.clone(), path.as_ref());
            turns |= self.take_turns(&all.measure.stages, &seen.measure.stages);
            let time = seen.measure.longest;
            times = times.in_turn(time);
            all.measure.in_parallel(seen.measure);
            all.items.extend(seen.items);
        }
        if turns || node.has_barrier || all.measure.commands.has_named_lock() {
            all.measure.longest = times;
        }
        if meets {
            self.frames.pop();
        }
        let mut seen = self.wrap(id, ItemKind::Parallel, "", locals, at, all);
        if let Some(item) = seen.items.first_mut() {
            item.order = Some(Order::Parallel);
        }
        seen
    }

    /// Who meets whom in a `parallel`.
    fn strands(&mut self, id: TreeId, children: &PlanSequence, locals: &Locals) -> BarrierFrame {
        self.frames.push(BarrierFrame::new(id));
        let muted = std::mem::take(&mut self.muted);
        let around = std::mem::take(&mut self.summary);
        for child in children.iter() {
            let name = self.strand(*child, locals);
            if let Some(frame) = self.frames.last_mut() {
                frame.strand = StrandName::Named(name);
            }
            self.node(*child, &mut locals.clone(), None);
        }
        self.summary = around;
        self.muted = muted;
        let mut frame = self.frames.pop().unwrap_or(BarrierFrame::new(id));
        frame.counting = false;
        frame
    }

    /// What a child of a `parallel` is called.
    fn strand(&self, id: TreeId, locals: &Locals) -> String {
        let node = self.plan.tree.get(id);
        match &node.stmt.kind {
            StmtKind::Deploy {
                service, target, ..
            } => {
                let said = |expr| labels::text(&self.walk, expr, locals);
                format!("deploy {} to {}", said(service), said(target))
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let label = node.label.as_deref().unwrap_or("if");
                let part = self.walk.part(id, locals);
                part.unwrap_or(PathPart::named(label, node.number)).text()
            }
        }
    }

    /// The branch that is taken, or all of them where only the run knows.
    fn branches(
        &mut self,
        id: TreeId,
        conditions: &[&Expr],
        otherwise: bool,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let plan = self.plan;
        let bodies = &plan.tree.get(id).bodies;
        let body = |number: usize| bodies.get(number).cloned().unwrap_or_default();
        let mut choice = Vec::new();
        for (number, condition) in conditions.iter().enumerate() {
            match self.walk.eval(condition, locals) {
                Ok(Value::Bool(false)) => {}
                Ok(_) => {
                    choice.push((String::from("else"), body(number)));
                    break;
                }
                Err(_) => {
                    let said = plan.bound.program.sources.text(condition.span);
                    let word = if choice.is_empty() { "" } else { "else if " };
                    choice.push((format!("{word}{said}"), body(number)));
                    if number + 1 == conditions.len() {
                        let last = if otherwise {
                            body(number + 1)
                        } else {
                            PlanSequence::default()
                        };
                        choice.push((String::from("else"), last));
                    }
                    continue;
                }
            }
            if number + 1 == conditions.len() && otherwise {
                choice.push((String::from("else"), body(number + 1)));
            }
        }
        if choice.len() < 2 {
            let only = choice.pop().map(|(_, body)| body).unwrap_or_default();
            return self.seq(&only, &mut locals.clone(), at);
        }
        self.choice(id, choice, locals, at)
    }

    /// Branches of which only the run knows which is taken.
    fn choice(
        &mut self,
        id: TreeId,
        choice: Vec<(String, PlanSequence)>,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let around = std::mem::take(&mut self.summary);
        self.muted += 1;
        let mut all: Option<(OutlinePart, BodySummary)> = None;
        for (label, body) in choice {
            let seen = self.seq(&body, &mut locals.clone(), at);
            let seen = branch(label, seen, at);
            let sum = std::mem::take(&mut self.summary);
            all = Some(match all {
                None => (seen, sum),
                Some((mut before, mut before_sum)) => {
                    before.items.extend(seen.items);
                    before.measure.or(seen.measure);
                    before_sum.or(sum);
                    (before, before_sum)
                }
            });
        }
        self.muted -= 1;
        let (seen, sum) = all.unwrap_or_default();
        self.summary = around;
        self.summary.add(sum);
        if at.is_none() && self.plan.tree.get(id).has_barrier {
            let walked = self.walk.summary_of_node(id, &mut locals.clone());
            for (barrier, times) in walked.unwrap_or_default().barriers {
                self.pass(barrier, times);
            }
        }
        seen
    }

    fn deploy(
        &mut self,
        id: TreeId,
        node: &PlanNode,
        locals: &Locals,
        at: ListingPath<'_>,
    ) -> OutlinePart {
        let path = at.map(|at| self.path(at, id, locals));
        let found = self.walk.deployment(id, locals);
        let mut seen = match &found {
            Ok(found) => {
                *self.summary.targets.entry(found.target).or_default() += 1;
                self.summary.services.insert(found.service);
                if self.has_window(found.target) {
                    self.windowed.insert(found.target);
                }
                if self.is_exclusive(found.target) {
                    self.loose.insert(found.target);
                }
                let around = self.deploys_elsewhere;
                self.deploys_elsewhere = self.place != Place::Here;
                let seen = self.seq(&found.body, &mut found.locals.clone(), path.as_ref());
                self.deploys_elsewhere = around;
                seen
            }
            Err(_) => {
                let named = self.walk.named_targets(node, locals).unwrap_or_default();
                let windowed = named.iter().filter(|it| self.has_window(**it)).copied();
                let windowed: Vec<_> = windowed.collect();
                self.windowed.extend(windowed);
                let named = named.into_iter().filter(|it| self.is_exclusive(*it));
                let named: Vec<_> = named.collect();
                self.loose.extend(named);
                self.unknown_deployment(node)
            }
        };
        let measure = &mut seen.measure;
        measure.deployments = Count::exactly(1);
        measure.deploys = PeakLoad::of(1);
        measure.others = PeakLoad::default();
        if at.is_none() {
            return seen;
        }
        let StmtKind::Deploy {
            service, target, ..
        } = &node.stmt.kind
        else {
            return seen;
        };
        let service = labels::text(&self.walk, service, locals);
        let target = labels::text(&self.walk, target, locals);
        let label = format!("{service} to {target}");
        let mut seen = self.wrap(id, ItemKind::Deploy, &label, locals, at, seen);
        for item in &mut seen.items {
            item.runs_at(&self.place);
            item.pool.clone_from(&self.pools.pool);
            let mut using = None;
            match &found {
                Ok(found) => {
                    let used = node.workflows.iter().find(|(_, body)| *body == found.body);
                    let workflows = &self.plan.bound.program.workflows;
                    let used = used.and_then(|(id, _)| workflows.get(id.0 as usize));
                    using = used.map(|used| used.name.to_string());
                }
                Err(Halt::Unknown) => item.notes.push(String::from("known while running")),
                Err(Halt::Fault(fault)) => item.notes.push(fault.message.clone()),
            }
            item.deploy = Some(DeployTarget {
                service: service.clone(),
                target: target.clone(),
                using,
            });
        }
        seen
    }

    /// A deployment of which only the run knows the service or the target.
    fn unknown_deployment(&mut self, node: &PlanNode) -> OutlinePart {
        let mut all = OutlinePart::default();
        for (_, body) in &node.workflows {
            let seen = self.seq(body, &mut Locals::default(), None);
            all.measure.or(seen.measure);
        }
        self.summary.unsure = true;
        all
    }
}

/// A branch that may be taken.
fn branch(label: String, seen: OutlinePart, at: ListingPath<'_>) -> OutlinePart {
    if at.is_none() || seen.items.is_empty() {
        return seen;
    }
    let mut item = Item {
        kind: ItemKind::If,
        label,
        order: Some(Order::Serial),
        items: seen.items,
        ..Item::default()
    };
    item.measured(&seen.measure);
    OutlinePart {
        measure: seen.measure,
        items: vec![item],
    }
}
