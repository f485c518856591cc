//! How a command begins: its words and values, and what it is given by the blocks around it: a
//! connection, a folder, variables, a grace time.

use super::Machine;
use super::broken::NodeError;
use super::event::{CommandRequest, Effect};
use super::node::{ActiveNode, CommandContext, NodeId, NodeWork};
use super::statement::{GivenToCommands, traits};
use lockstep_base::value::Value;
use lockstep_lang::eval::visit::each_part;
use lockstep_lang::eval::{Expr, ExprKind, Halt};
use lockstep_lang::ir::visit::own;
use lockstep_lang::ir::{self, Stmt, command};
use lockstep_plan::{self as plan, Locals, PlanWalk};

/// A command that is longer than this is reported with the beginnings of its values.
const MAX_COMMAND_BYTES: usize = 80;

impl Machine {
    /// What the commands in a statement are given that gives them something of its own. What has no
    /// value has been reported when the statement began.
    pub(super) fn commands_in(
        &self,
        stmt: &Stmt,
        given: GivenToCommands<'_>,
        node: &ActiveNode,
    ) -> CommandContext {
        let walk = Self::walk(&self.plan, &self.run);
        let locals = &node.locals;
        let mut commands = CommandContext::clone(&node.inherited.commands);
        let parts = (given.place.into_iter()).chain(given.dir);
        let mut parts = parts.chain(given.env.iter().map(|(_, value)| value));
        commands.supposed |=
            self.run.supposes && !parts.all(|part| walk.eval(part, locals).is_ok());
        if let Some(place) = given.place {
            commands.move_to(self.connection(place, locals).ok().flatten());
            let pools = match traits(&stmt.kind).is_deploy {
                true => walk.pools_of_deployment(place, locals),
                false => walk.pools_on(place, locals, &commands.pools),
            };
            commands.pools = pools.unwrap_or_default();
        }
        if let Some(Ok(dir)) = given.dir.map(|dir| walk.eval(dir, locals)) {
            commands.folder = commands.folder_of(stmt.span.file, Some(walk.display(&dir)));
        }
        let variables = given.env.iter().filter_map(|(name, value)| {
            let value = walk.eval(value, locals).ok()?;
            Some((name.clone(), variable(&walk, value)))
        });
        commands.set(variables.collect());
        if let Some(Ok(Value::Duration(ms))) = given.grace.map(|it| walk.eval(it, locals)) {
            commands.grace_ms = Some(ms);
        }
        commands
    }

    /// The connection of a place; nothing for the machine of the run.
    pub(super) fn connection(&self, place: &Expr, locals: &Locals) -> Result<Option<Value>, Halt> {
        let found = Self::walk(&self.plan, &self.run).connection(place, locals);
        found.or_else(|halt| self.supposed_value(halt).map(Some))
    }

    /// How long a command may take to end when it is asked to, where that is said; in
    /// milliseconds.
    pub(super) fn grace_of(&self, id: NodeId) -> Result<Option<i64>, NodeError> {
        let node = self.node(id)?;
        match &self.plan.tree.get(node.tree).stmt.modifiers.grace {
            Some(grace) => Ok(Some(self.duration_of(id, grace)?)),
            None => Ok(node.inherited.commands.grace_ms),
        }
    }

    /// Whether a command is the same in any run: nothing of it is supposed, belongs to this run
    /// alone, or is a secret, which a plan does not read.
    fn is_known(&self, stmt: &Stmt, node: &ActiveNode) -> bool {
        let around = &node.inherited.commands;
        let walk = Self::walk(&self.plan, &self.run);
        let mut known = !around.supposed && !around.env.iter().any(|(_, it)| it.has_secret());
        own(stmt, &mut |expr| {
            let mut of_run = false;
            each_part(expr, &mut |part| {
                of_run |= matches!(part.kind, ExprKind::Run(_))
            });
            let value = walk.eval(expr, &node.locals);
            known &= !of_run && value.is_ok_and(|it| it != Value::Unknown && !it.has_secret());
        });
        known
    }

    pub(super) fn begin_run(
        &mut self,
        id: NodeId,
        command: &ir::CommandTemplate,
        stmt: &Stmt,
    ) -> Result<(), NodeError> {
        let node = self.node(id)?;
        let walk = Self::walk(&self.plan, &self.run);
        let locals = &node.locals;
        let fault = |halt| self.fault(id, halt);
        command::option_in_value(
            &command.operands,
            &mut |expr| self.eval(expr, locals),
            &|value| walk.display(value),
        )
        .map_err(fault)?;
        let invocation = command::invoke(
            &command.form,
            &mut |expr| self.eval(expr, locals),
            &|value| walk.display(value),
        )
        .map_err(fault)?;
        let mut own = CommandContext::clone(&node.inherited.commands);
        if let Some(place) = &command.on {
            self.check_right_at(id, place)?;
            own.move_to(self.connection(place, locals).map_err(fault)?);
            let pools = walk.pools_on(place, locals, &own.pools);
            own.pools = pools.unwrap_or_default();
        }
        let mut variables = Vec::with_capacity(command.env.len());
        for (name, value) in &command.env {
            let value = self.eval(value, locals).map_err(fault)?;
            variables.push((name.clone(), variable(&walk, value)));
        }
        own.set(variables);
        let stdin = (command.stdin.as_ref()).map(|text| self.eval(text, locals));
        let stdin = stdin.transpose().map_err(fault)?;
        let stdin = stdin.map(|text| variable(&walk, text));
        let dir = command
            .dir
            .as_ref()
            .map(|dir| self.eval(dir, locals))
            .transpose();
        let dir = dir.map_err(fault)?.map(|dir| walk.display(&dir));
        // Where it starts in the folder of its file, a path is shown as the file would write it:
        // the same text in every checkout, which tests can name.
        let starts_there = dir.is_none() && own.folder.is_none();
        let starts_there = starts_there && own.connection.is_none();
        let mut value = |expr: &Expr| {
            let value = walk.eval(expr, locals).ok()?;
            Some(match command.is_path_here(expr, starts_there) {
                true => walk.bound.facts.seen_from(stmt.span.file, value),
                false => value,
            })
        };
        let text = command::display(&command.text, &mut value, &|value| walk.display(value));
        let is_long = text.len() > MAX_COMMAND_BYTES || text.contains('\n');
        let told = match is_long {
            true => {
                command::display_shortly(&command.text, &mut value, &|value| walk.display(value))
            }
            false => text.clone(),
        };
        let once = stmt.modifiers.once || node.inherited.once;
        let (file, dir) = match own.folder_of(stmt.span.file, dir) {
            Some((file, dir)) => (file, Some(dir)),
            None => (stmt.span.file, None),
        };
        let grace_ms = self.grace_of(id)?;
        let command = CommandRequest {
            invocation,
            text,
            env: own.env,
            stdin,
            file,
            written_in: stmt.span.file,
            dir,
            connect: own.connection,
            pool: own.pools.pool,
            grace_ms,
            once,
            has_value: stmt.bind.is_some(),
            quiet: stmt.modifiers.quiet || command.query,
            secret: stmt.modifiers.secret,
            query: command.query,
            askable: command.query && self.run.supposes && self.is_known(stmt, node),
            timeout: node.timeout,
            requires: self.programs_for(id),
        };
        let path = node.path.clone();
        let place = command.connect.as_ref().map(plan::connection_text);
        self.begin_at(id, Some(told), place)?;
        let effect = self.effect(id);
        self.held_cells.begun(effect);
        self.effects.push(Effect::Run {
            id: effect,
            node: path,
            command: Box::new(command),
        });
        self.begin_work(id, NodeWork::Effect(effect))?;
        Ok(())
    }
}

/// The value of a variable, or of a standard input: a text, or the secret that it is.
fn variable(walk: &PlanWalk<'_>, value: Value) -> Value {
    match value {
        secret @ Value::Secret(_) => secret,
        other => Value::string(walk.display(&other)),
    }
}
