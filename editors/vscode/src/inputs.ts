// Asks for the inputs that a file needs, and remembers what was answered.

import * as vscode from 'vscode';
import { run } from './program';
import type { Target } from './target';

/** An input as `lockstep inputs --format json` writes it down. */
interface Input {
  name: string;
  type: string;
  required: boolean;
  doc: string | null;
}

/**
 * The arguments that give every input without a default its value. Nothing if a question was not
 * answered. What is wrong with the file is said by the command that follows.
 */
export async function inputs(
  program: string,
  { uri, folder, file }: Target,
  memory: vscode.Memento,
): Promise<string[] | undefined> {
  const listed = await run(program, ['inputs', '--format', 'json', file], folder);
  if (listed.code !== 0) {
    return [];
  }
  const needed = (JSON.parse(listed.stdout) as Input[]).filter((input) => input.required);
  const args: string[] = [];
  for (const input of needed) {
    const key = `${uri.toString()}#${input.name}`;
    const value = await vscode.window.showInputBox({
      title: `${input.name}: ${input.type}`,
      prompt: input.doc ?? '',
      value: memory.get<string>(key, ''),
      ignoreFocusOut: true,
    });
    if (value === undefined) {
      return undefined;
    }
    await memory.update(key, value);
    args.push('-i', `${input.name}=${value}`);
  }
  return args;
}
