// Shows the plan of a pipeline beside its text, and anew whenever a file that it may be made of has
// changed on disk: the program reads files, not the editor.

import * as vscode from 'vscode';
import { needed } from './inputs';
import { planPage } from './plan-page';
import { type Ended, find, run } from './program';
import type { Target } from './target';

/** So long nothing changes before a plan is drawn anew. */
const SETTLED_MS = 150;

/** Folders whose files belong to other programs, or to runs. */
const OTHERS = /[\\/](\.lockstep|\.git|node_modules|target)[\\/]/;

export class PlanView implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private shown: { target: Target; args: string[] } | undefined;
  private readonly parts: vscode.Disposable[];
  /** A change waits for those that come with it. */
  private timer: NodeJS.Timeout | undefined;
  /** Whether something has changed since it was drawn. */
  private isOld = false;
  /** What was drawn last: the same again would only lose what is selected in it. */
  private drawn: string | undefined;
  /** How many plans were asked for: one that was overtaken is not shown. */
  private asked = 0;

  constructor(private readonly memory: vscode.Memento) {
    // What a plan is made of: the language's files, and data that it may read.
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.{deploy,toml,json,yaml,yml}');
    const changed = (uri: vscode.Uri): void => this.changed(uri);
    this.parts = [
      watcher,
      watcher.onDidCreate(changed),
      watcher.onDidChange(changed),
      watcher.onDidDelete(changed),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (document.languageId === 'deploy') {
          this.changed(document.uri);
        }
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.parts.forEach((part) => void part.dispose());
    this.panel?.dispose();
  }

  private changed(uri: vscode.Uri): void {
    if (this.panel === undefined || OTHERS.test(uri.fsPath)) {
      return;
    }
    this.isOld = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drawIfOld(), SETTLED_MS);
  }

  private drawIfOld(): void {
    if (this.isOld && this.panel?.visible) {
      void this.draw();
    }
  }

  /** Shows a plan, with these arguments or those that are asked for; returns whether there is one. */
  async show(target: Target, given?: string[]): Promise<boolean> {
    const program = await find();
    const args = given ?? (program && (await needed(program, target, this.memory)));
    if (!args) {
      return false;
    }
    this.shown = { target, args };
    if (this.panel === undefined) {
      const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
      this.panel = vscode.window.createWebviewPanel('lockstep.plan', 'Plan', column, {
        enableScripts: true,
        localResourceRoots: [],
      });
      this.panel.onDidDispose(() => (this.panel = this.drawn = undefined));
      this.panel.onDidChangeViewState(() => this.drawIfOld());
      this.panel.webview.onDidReceiveMessage((message: unknown) =>
        message === 'mermaid' ? this.diagram() : this.draw(),
      );
    }
    this.panel.reveal(undefined, true);
    return this.draw();
  }

  private async plan(format: string): Promise<Ended | undefined> {
    const program = await find();
    if (program === undefined || this.shown === undefined) {
      return undefined;
    }
    const { target, args } = this.shown;
    const name = target.name === undefined ? [] : [target.name];
    return run(
      program,
      ['plan', '--format', format, ...args, '--', target.file, ...name],
      target.folder,
    );
  }

  private async draw(): Promise<boolean> {
    this.isOld = false;
    this.asked += 1;
    const { asked } = this;
    const planned = await this.plan('html');
    if (planned === undefined || this.panel === undefined) {
      return false;
    }
    if (asked !== this.asked) {
      return planned.code === 0;
    }
    const name = this.shown?.target.name ?? this.shown?.target.file ?? '';
    this.panel.title = `Plan: ${name}`;
    const said = JSON.stringify(planned);
    if (said !== this.drawn) {
      this.panel.webview.html = planPage(planned);
    }
    this.drawn = said;
    return planned.code === 0;
  }

  /** The plan as a flowchart, in a document that can be copied into any page. */
  private async diagram(): Promise<void> {
    const planned = await this.plan('mermaid');
    if (planned?.code !== 0) {
      return;
    }
    const content = `\`\`\`mermaid\n${planned.stdout.trimEnd()}\n\`\`\`\n`;
    const document = await vscode.workspace.openTextDocument({ language: 'markdown', content });
    await vscode.window.showTextDocument(document);
  }
}
