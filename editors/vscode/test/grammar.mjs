// Tests the TextMate grammar: the examples' scopes against the snapshots in `snapshots/`, and the
// assertions in the `.deploy` files beside this one. `--update` writes the snapshots anew.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..', '..');
const bin = path.join(here, '..', 'node_modules', '.bin');
const grammar = path.join(here, '..', 'syntaxes', 'deploy.tmLanguage.json');
const snapshots = path.join(here, 'snapshots');
const update = process.argv.includes('--update');

/** The paths of all `.deploy` files below a folder, sorted. */
function deployFiles(folder) {
  return fs
    .readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.deploy'))
    .sort()
    .map((name) => path.join(folder, name));
}

function run(program, args) {
  const done = spawnSync(path.join(bin, program), args, { encoding: 'utf8' });
  if (done.status !== 0) {
    process.stdout.write(done.stdout + done.stderr);
    process.exit(1);
  }
}

// The tool looks for a snapshot beside the file: a copy keeps it out of the examples.
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-grammar-'));
try {
  const examples = deployFiles(path.join(root, 'examples'));
  const names = examples.map((file) => path.relative(root, file).replaceAll(path.sep, '-'));
  fs.mkdirSync(snapshots, { recursive: true });
  const copies = examples.map((file, at) => {
    const copy = path.join(work, names[at]);
    fs.copyFileSync(file, copy);
    const snapshot = path.join(snapshots, `${names[at]}.snap`);
    if (fs.existsSync(snapshot)) {
      fs.copyFileSync(snapshot, `${copy}.snap`);
    } else if (!update) {
      console.error(`${names[at]} has no snapshot: write it with \`npm run bless\`, and read it`);
      process.exit(1);
    }
    return copy;
  });
  const more = update ? ['--updateSnapshot'] : ['--expandDiff'];
  run('vscode-tmgrammar-snap', ['-g', grammar, '-s', 'source.deploy', ...more, ...copies]);
  if (update) {
    fs.rmSync(snapshots, { recursive: true });
    fs.mkdirSync(snapshots);
    for (const name of names) {
      fs.copyFileSync(path.join(work, `${name}.snap`), path.join(snapshots, `${name}.snap`));
    }
  }
  const assertions = deployFiles(here);
  run('vscode-tmgrammar-test', ['-g', grammar, ...assertions]);
  console.log(`${names.length + assertions.length} passed, 0 failed`);
} finally {
  fs.rmSync(work, { recursive: true });
}
