// What a command is about: a file and one of its pipelines or tests.

import * as path from 'node:path';
import * as vscode from 'vscode';

export interface Target {
  uri: vscode.Uri;
  folder: string;
  file: string;
  name: string | undefined;
}

/** By the arguments of a code lens, `[uri, name]`; without any, the open file. */
export async function target(uri: unknown, name: unknown): Promise<Target | undefined> {
  const chosen =
    typeof uri === 'string'
      ? vscode.Uri.parse(uri)
      : uri instanceof vscode.Uri
        ? uri
        : vscode.window.activeTextEditor?.document.uri;
  if (chosen === undefined || chosen.scheme !== 'file') {
    void vscode.window.showWarningMessage('Open a `.deploy` file first.');
    return undefined;
  }
  // The program reads the file, not the editor.
  const document = vscode.workspace.textDocuments.find(
    (other) => other.uri.toString() === chosen.toString(),
  );
  if (document?.isDirty) {
    await document.save();
  }
  return {
    uri: chosen,
    folder: path.dirname(chosen.fsPath),
    file: path.basename(chosen.fsPath),
    name: typeof name === 'string' ? name : await pipeline(chosen),
  };
}

/** The only pipeline of a file, or the one that is chosen; nothing if there is none. */
async function pipeline(uri: vscode.Uri): Promise<string | undefined> {
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  const names = [...text.matchAll(/^pipeline\s+([\p{L}_][\p{L}\p{N}_-]*)/gmu)].map(
    (found) => found[1] ?? '',
  );
  return names.length > 1
    ? vscode.window.showQuickPick(names, { placeHolder: 'Which pipeline?' })
    : names[0];
}
