// Finds the `lockstep` program and runs it.
// It does not know what its output means.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';

const NAME = process.platform === 'win32' ? 'lockstep.exe' : 'lockstep';

/** What a program wrote, and how it ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function fromSetting(): string | undefined {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const written = vscode.workspace.getConfiguration('lockstep').get<string>('path', '').trim();
  if (written === '') {
    return undefined;
  }
  const home = written.startsWith('~/') ? path.join(os.homedir(), written.slice(2)) : written;
  const file = home.replace('${workspaceFolder}', folder ?? '.');
  return path.resolve(folder ?? '.', file);
}

function onPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter(path.isAbsolute);
  return folders.map((folder) => path.join(folder, NAME)).find(isProgram);
}

/** The newest build in a `target` folder. Nothing of an untrusted folder is started. */
function built(): string | undefined {
  if (!vscode.workspace.isTrusted) {
    return undefined;
  }
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders
    .flatMap(({ uri }) =>
      ['release', 'debug'].map((kind) => path.join(uri.fsPath, 'target', kind, NAME)),
    )
    .filter(isProgram)
    .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)[0];
}

/** The program by the setting, on the `PATH`, or built in this workspace; else a message. */
export async function find(): Promise<string | undefined> {
  const set = fromSetting();
  const found = set ?? onPath() ?? built();
  if (found !== undefined && isProgram(found)) {
    return found;
  }
  const message =
    set === undefined
      ? 'The program `lockstep` is not on the PATH.'
      : `The setting \`lockstep.path\` is not a program: ${set}`;
  void vscode.window.showWarningMessage(message, 'Open the Setting').then((chosen) => {
    if (chosen !== undefined) {
      void vscode.commands.executeCommand('workbench.action.openSettings', 'lockstep.path');
    }
  });
  return undefined;
}

/** Runs the program to its end. It rejects only if it could not be started. */
export function run(
  program: string,
  args: string[],
  cwd: string,
  token?: vscode.CancellationToken,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { cwd, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') {
          resolve({ code, stdout, stderr });
        } else {
          reject(error ?? new Error('no exit code'));
        }
      },
    );
    token?.onCancellationRequested(() => child.kill());
  });
}
