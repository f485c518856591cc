// Runs a pipeline: shows its inputs and its plan, asks whether to run it, and only then does.

import * as vscode from 'vscode';
import { form } from './inputs';
import type { PlanView } from './plan';
import { find } from './program';
import { target } from './target';

/** Runs a pipeline in a terminal, which stays open with the ledger of the run. */
export async function runPipeline(
  uri: unknown,
  name: unknown,
  plan: PlanView,
  memory: vscode.Memento,
): Promise<void> {
  const chosen = await target(uri, name);
  const program = chosen && (await find());
  const args = program && (await form(program, chosen, memory));
  if (!chosen || !program || !args) {
    return;
  }
  // The plan says what is wrong, if it cannot be run.
  if (!(await plan.show(chosen, args))) {
    return;
  }
  const what = chosen.name ?? chosen.file;
  const inputs = args.filter((word) => word !== '-i');
  const given = inputs.length === 0 ? 'All inputs have their defaults.' : inputs.join('\n');
  const answer = await vscode.window.showWarningMessage(
    `Run ${what} of ${chosen.file} now?`,
    { modal: true, detail: `The plan is beside the text. ${given}` },
    'Run',
  );
  if (answer !== 'Run') {
    return;
  }
  const pipeline = chosen.name === undefined ? [] : [chosen.name];
  const execution = new vscode.ProcessExecution(
    program,
    ['run', ...args, '--', chosen.file, ...pipeline],
    { cwd: chosen.folder },
  );
  const task = new vscode.Task(
    { type: 'process' },
    vscode.workspace.getWorkspaceFolder(chosen.uri) ?? vscode.TaskScope.Workspace,
    `run ${what}`,
    'Lockstep',
    execution,
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
  await vscode.tasks.executeTask(task);
}
