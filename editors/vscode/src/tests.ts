// The test explorer: finds `test` blocks by their first lines, and runs them with `lockstep test`.

import * as path from 'node:path';
import * as vscode from 'vscode';
import { find, run } from './program';

/** The parts of `lockstep test --format json` that are shown. */
interface Report {
  tests: {
    name: string;
    passed: boolean;
    took_ms: number;
    schedules: number;
    findings: Finding[];
  }[];
  /** Mistakes in the file or in what it imports: no test has been run. */
  errors?: Finding[];
}

interface Finding {
  message: string;
  label?: string;
  help?: string | null;
  place: { file: string; line: number; column: number } | null;
}

const HEAD = /^[ \t]*test[ \t]+"((?:[^"\\]|\\.)*)"/gm;

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

/** What a string stands for, as the language reads it. */
function written(text: string): string {
  return text.replace(/\\(?:u\{([0-9a-fA-F]{1,6})\}|(.))/g, (all, code?: string, sign?: string) => {
    if (code === undefined) {
      return ESCAPES[sign ?? ''] ?? sign ?? '';
    }
    const point = parseInt(code, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : all;
  });
}

export class Tests implements vscode.Disposable {
  private readonly controller = vscode.tests.createTestController('lockstep', 'Lockstep');
  private readonly parts: vscode.Disposable[] = [this.controller];

  constructor() {
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.deploy');
    const look = (uri: vscode.Uri): void => void this.read(uri);
    this.parts.push(
      watcher,
      watcher.onDidCreate(look),
      watcher.onDidChange(look),
      watcher.onDidDelete((uri) => this.controller.items.delete(uri.toString())),
    );
    this.controller.resolveHandler = () => this.readAll();
    this.controller.refreshHandler = () => this.readAll();
    this.controller.createRunProfile(
      'Run',
      vscode.TestRunProfileKind.Run,
      (request, token) => this.run(request, token),
      true,
    );
  }

  dispose(): void {
    this.parts.forEach((part) => void part.dispose());
  }

  /** Runs the tests of a file, or the one with this name. */
  async runFile(uri: vscode.Uri, name: string | undefined): Promise<void> {
    const file = await this.read(uri);
    if (file === undefined) {
      void vscode.window.showInformationMessage('There is no test in this file.');
      return;
    }
    const items: vscode.TestItem[] = [];
    file.children.forEach((item) => {
      if (name === undefined || item.label === name) {
        items.push(item);
      }
    });
    const { token } = new vscode.CancellationTokenSource();
    await this.run(new vscode.TestRunRequest(items.length > 0 ? items : [file]), token);
  }

  private async readAll(): Promise<void> {
    const found = await vscode.workspace.findFiles('**/*.deploy', '**/{node_modules,target}/**');
    const known = new Set(found.map(String));
    this.controller.items.forEach((item) => {
      if (!known.has(item.id)) {
        this.controller.items.delete(item.id);
      }
    });
    await Promise.all(found.map((uri) => this.read(uri)));
  }

  private async read(uri: vscode.Uri): Promise<vscode.TestItem | undefined> {
    let text = '';
    try {
      text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    } catch {
      // It has gone since it was found: it has no tests.
    }
    const tests = [...text.matchAll(HEAD)].map((head) => {
      const name = written(head[1] ?? '');
      const item = this.controller.createTestItem(name, name, uri);
      const line = text.slice(0, head.index).split('\n').length - 1;
      item.range = new vscode.Range(line, 0, line, head[0].length);
      return item;
    });
    if (tests.length === 0) {
      this.controller.items.delete(uri.toString());
      return undefined;
    }
    const label = vscode.workspace.asRelativePath(uri);
    const file = this.controller.createTestItem(uri.toString(), label, uri);
    file.children.replace(tests);
    this.controller.items.add(file);
    return file;
  }

  private async run(
    request: vscode.TestRunRequest,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const program = await find();
    if (program === undefined) {
      return;
    }
    const wanted = new Map<string, { uri: vscode.Uri; items: vscode.TestItem[] }>();
    const add = (item: vscode.TestItem): void => {
      if (request.exclude?.includes(item) || item.uri === undefined) {
        return;
      }
      if (item.children.size > 0) {
        item.children.forEach(add);
        return;
      }
      const key = item.uri.toString();
      const entry = wanted.get(key) ?? { uri: item.uri, items: [] };
      entry.items.push(item);
      wanted.set(key, entry);
    };
    if (request.include === undefined) {
      this.controller.items.forEach(add);
    } else {
      request.include.forEach(add);
    }
    const results = this.controller.createTestRun(request);
    for (const { uri, items } of wanted.values()) {
      items.forEach((item) => results.started(item));
      await runOne(program, uri, items, results, token);
    }
    results.end();
  }
}

async function runOne(
  program: string,
  uri: vscode.Uri,
  items: vscode.TestItem[],
  results: vscode.TestRun,
  token: vscode.CancellationToken,
): Promise<void> {
  const folder = path.dirname(uri.fsPath);
  const only = items.length === 1 ? ['--filter', items[0]?.label ?? ''] : [];
  const args = ['test', '--format', 'json', ...only, '--', path.basename(uri.fsPath)];
  let report: Report;
  try {
    const ended = await run(program, args, folder, token);
    results.appendOutput(ended.stderr.replaceAll('\n', '\r\n'));
    report = JSON.parse(ended.stdout) as Report;
  } catch (error) {
    const said = new vscode.TestMessage(`\`lockstep test\` gave no report: ${String(error)}`);
    items.forEach((item) => results.errored(item, said));
    return;
  }
  const errors = report.errors ?? [];
  if (errors.length > 0) {
    const said = errors.map((error) => message(error, folder));
    items.forEach((item) => results.errored(item, said));
    return;
  }
  for (const item of items) {
    const test = report.tests.find((other) => other.name === item.label);
    if (test === undefined) {
      results.skipped(item);
    } else if (test.passed) {
      results.passed(item, test.took_ms);
    } else {
      results.failed(item, test.findings.map((finding) => message(finding, folder)), test.took_ms);
    }
  }
}

function message(
  { message: text, label, help, place }: Finding,
  folder: string,
): vscode.TestMessage {
  const lines = [text, label, help && `help: ${help}`].filter((line) => Boolean(line));
  const said = new vscode.TestMessage(lines.join('\n'));
  if (place !== null) {
    const at = new vscode.Position(Math.max(place.line - 1, 0), Math.max(place.column - 1, 0));
    const file = vscode.Uri.file(path.resolve(folder, place.file));
    said.location = new vscode.Location(file, at);
  }
  return said;
}
