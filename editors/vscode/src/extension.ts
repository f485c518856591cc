// The extension: starts the language server, and puts the commands in their places.

import * as vscode from 'vscode';
import { LanguageClient } from 'vscode-languageclient/node';
import { OwnCapabilities } from './capabilities';
import { PlanView } from './plan';
import { find } from './program';
import { runPipeline } from './runs';
import { Snippets } from './snippets';
import { target } from './target';
import { Tests } from './tests';

let client: LanguageClient | undefined;
/** The last start; the next one waits for it. */
let starting: Promise<void> = Promise.resolve();

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  try {
    await running?.stop();
  } catch {
    // It never ran, or has gone already.
  }
}

function start(output: vscode.OutputChannel): Promise<void> {
  starting = starting.then(() => startNow(output));
  return starting;
}

async function startNow(output: vscode.OutputChannel): Promise<void> {
  await stop();
  const command = await find();
  if (command === undefined) {
    return;
  }
  output.appendLine(`Starting ${command} lsp`);
  const started = new LanguageClient(
    'lockstep',
    'Lockstep',
    { command, args: ['lsp'] },
    {
      // The settings of a project are TOML to the editor, and have their mistakes told by the server.
      documentSelector: [
        { language: 'deploy' },
        { scheme: 'file', pattern: '**/lockstep.toml' },
      ],
      outputChannel: output,
    },
  );
  started.registerFeature(new OwnCapabilities());
  client = started;
  try {
    await started.start();
  } catch (error) {
    // The client has said so; colours, snippets and commands work without a server.
    output.appendLine(String(error));
  }
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel('Lockstep');
  const memory = context.workspaceState;
  const plan = new PlanView(memory);
  const tests = new Tests();
  const on = (name: string, action: (...args: unknown[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(name, action);
  context.subscriptions.push(
    output,
    plan,
    tests,
    on('lockstep.run', (uri, name) => runPipeline(uri, name, plan, memory)),
    on('lockstep.plan', async (uri, name) => {
      const chosen = await target(uri, name);
      return chosen && plan.show(chosen);
    }),
    on('lockstep.test', async (uri, name) => {
      const chosen = await target(uri, name ?? '');
      const only = typeof name === 'string' ? name : undefined;
      return chosen && tests.runFile(chosen.uri, only);
    }),
    vscode.languages.registerCompletionItemProvider(
      { language: 'deploy' },
      new Snippets(() => client?.isRunning() === true),
    ),
    on('lockstep.restart', () => start(output)),
    on('lockstep.output', () => output.show()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('lockstep.path')) {
        void start(output);
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void start(output)),
  );
  await start(output);
}

export async function deactivate(): Promise<void> {
  await starting;
  await stop();
}
