// Asks for inputs: each by its type, with its default. Escape, wherever it is pressed, ends all.

import * as vscode from 'vscode';
import { run } from './program';
import type { Target } from './target';

/** An input as `lockstep inputs --format json` writes it down. */
interface Input {
  name: string;
  type: string;
  required: boolean;
  /** In source form. */
  default: string | null;
  /** The condition after `where`, in source form. */
  rule: string | null;
  doc: string | null;
}

/** The values that differ from the defaults, as they are written after `-i NAME=`. */
type Values = Map<string, string>;

async function list(program: string, { folder, file }: Target): Promise<Input[]> {
  const listed = await run(program, ['inputs', '--format', 'json', '--', file], folder);
  // What is wrong with the file is said by the command that follows.
  return listed.code === 0 ? (JSON.parse(listed.stdout) as Input[]) : [];
}

/** The values that a type allows, if they are few: those of `bool` and of `"a" | "b"`. */
function choices(type: string): string[] | undefined {
  if (type === 'bool') {
    return ['true', 'false'];
  }
  const texts = type.split('|').map((part) => /^"([^"\\]*)"$/.exec(part.trim())?.[1]);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

/** A value in source form as it is given on the command line: a text without its quotes. */
function given(source: string): string {
  return /^"([^"\\$]*)"$/.exec(source)?.[1] ?? source;
}

/** Asks for one value. Nothing if the question was not answered. */
async function ask(input: Input, value: string): Promise<string | undefined> {
  const title = `${input.name}: ${input.type}`;
  const known = choices(input.type);
  if (known !== undefined) {
    const items = known.map((label) =>
      label === value ? { label, description: 'now' } : { label },
    );
    const placeHolder = input.doc ?? 'Which value?';
    const chosen = await vscode.window.showQuickPick(items, {
      title,
      placeHolder,
      ignoreFocusOut: true,
    });
    return chosen?.label;
  }
  const rule = input.rule === null ? [] : [`where ${input.rule}`];
  const prompt = [input.doc ?? '', ...rule].filter((line) => line !== '').join(' · ');
  return vscode.window.showInputBox({ title, prompt, value, ignoreFocusOut: true });
}

function args(values: Values): string[] {
  return [...values].flatMap(([name, value]) => ['-i', `${name}=${value}`]);
}

function key({ uri }: Target, input: Input): string {
  return `${uri.toString()}#${input.name}`;
}

/** Asks for every input without a default, and remembers what was answered. */
async function required(
  target: Target,
  inputs: Input[],
  memory: vscode.Memento,
): Promise<Values | undefined> {
  const values: Values = new Map();
  for (const input of inputs.filter((one) => one.required)) {
    const value = await ask(input, memory.get<string>(key(target, input), ''));
    if (value === undefined) {
      return undefined;
    }
    await memory.update(key(target, input), value);
    values.set(input.name, value);
  }
  return values;
}

/** The arguments for a plan: only what has no default is asked. Nothing if that was cancelled. */
export async function needed(
  program: string,
  target: Target,
  memory: vscode.Memento,
): Promise<string[] | undefined> {
  const values = await required(target, await list(program, target), memory);
  return values && args(values);
}

/** The arguments for a run: all inputs are shown, and can be changed. Nothing if cancelled. */
export async function form(
  program: string,
  target: Target,
  memory: vscode.Memento,
): Promise<string[] | undefined> {
  const inputs = await list(program, target);
  const values = await required(target, inputs, memory);
  if (values === undefined || inputs.length === 0) {
    return values && args(values);
  }
  for (;;) {
    const proceed = { label: '$(arrow-right) Show the plan', input: undefined };
    const fields = inputs.map((input) => ({
      label: input.name,
      description: input.type,
      detail: shown(input, values),
      input,
    }));
    const chosen = await vscode.window.showQuickPick([proceed, ...fields], {
      title: `Run ${target.name ?? target.file}: its inputs`,
      placeHolder: 'Choose an input to change it',
      ignoreFocusOut: true,
    });
    if (chosen === undefined) {
      return undefined;
    }
    if (chosen.input === undefined) {
      return args(values);
    }
    const input = chosen.input;
    const value = await ask(input, values.get(input.name) ?? given(input.default ?? ''));
    if (value === undefined) {
      return undefined;
    }
    if (input.required) {
      await memory.update(key(target, input), value);
    }
    if (input.default !== null && value === given(input.default)) {
      values.delete(input.name);
    } else {
      values.set(input.name, value);
    }
  }
}

function shown(input: Input, values: Values): string {
  const value = values.get(input.name);
  const now = value === undefined ? `= ${input.default ?? ''} (default)` : `= ${value}`;
  return input.doc === null ? now : `${now} · ${input.doc.split('\n')[0] ?? ''}`;
}
