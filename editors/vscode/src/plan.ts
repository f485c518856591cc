// Shows the plan of a pipeline beside its text, and anew whenever the file is saved.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { needed } from './inputs';
import { type Ended, find, run } from './program';
import type { Target } from './target';

export class PlanView implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private shown: { target: Target; args: string[] } | undefined;
  private readonly saved: vscode.Disposable;

  constructor(private readonly memory: vscode.Memento) {
    this.saved = vscode.workspace.onDidSaveTextDocument((document) => {
      if (document.languageId === 'deploy' && this.panel?.visible) {
        void this.draw();
      }
    });
  }

  dispose(): void {
    this.saved.dispose();
    this.panel?.dispose();
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
      this.panel.onDidDispose(() => (this.panel = undefined));
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
    const planned = await this.plan('text');
    if (planned === undefined || this.panel === undefined) {
      return false;
    }
    const name = this.shown?.target.name ?? this.shown?.target.file ?? '';
    this.panel.title = `Plan: ${name}`;
    this.panel.webview.html = page(planned);
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

const SIGNS: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => SIGNS[sign] ?? sign);
}

function page({ code, stdout, stderr }: Ended): string {
  const nonce = randomBytes(16).toString('hex');
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style nonce="${nonce}">
  pre { font-family: var(--vscode-editor-font-family); font-size: var(--vscode-editor-font-size); }
  .wrong { color: var(--vscode-errorForeground); white-space: pre-wrap; }
  button {
    border: none; padding: 4px 10px; margin-right: 6px; cursor: pointer;
    color: var(--vscode-button-foreground); background: var(--vscode-button-background);
  }
</style>
</head>
<body>
<p><button id="draw">Refresh</button>${code === 0 ? '<button id="mermaid">As a diagram</button>' : ''}</p>
${stderr === '' ? '' : `<pre class="wrong">${escaped(stderr)}</pre>`}
<pre>${escaped(stdout)}</pre>
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  for (const button of document.querySelectorAll('button')) {
    button.addEventListener('click', () => editor.postMessage(button.id));
  }
</script>
</body>
</html>`;
}
