// Drives the extension in a real VS Code, served by code-server and opened in a real browser: does
// what a person would do, and looks at what is shown, what is on disk and what was started.
//
//   node editors/test/vscode.mjs LOCKSTEP EXTENSION.vsix CODE_SERVER WORK
//
// LOCKSTEP is the program, CODE_SERVER a folder in which code-server and playwright-core are
// installed, WORK a folder for what is made. Nothing waits for a time, all for a condition. Where
// LOCKSTEP_IMAGE names a file, the plan beside its pipeline becomes a picture there.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [lockstep, vsix, tools, work] = process.argv.slice(2).map((one) => path.resolve(one));
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const { chromium } = createRequire(path.join(tools, 'package.json'))('playwright-core');
const codeServer = path.join(tools, 'node_modules', 'code-server', 'out', 'node', 'entry.js');

/** The longest wait for a condition, in milliseconds; on a loaded machine much takes long. */
const LONGEST = Number(process.env.LONGEST ?? 60_000);

const home = path.join(work, 'home');
const shop = path.join(work, 'shop');
const calls = path.join(work, 'calls');
const log = path.join(work, 'log');

// ===== Files =====

const FILES = {
  'imported.deploy': 'from "./parts.deploy" import limit\n\nlet more = limit + 1\n',
  'parts.deploy': 'let limit = 1\nlet broken = unknwn\n',
  'tools.deploy': '## Says a text.\nworkflow announce(text: string) {\n  log text\n}\n',
  'auto.deploy': 'pipeline tell {\n  log "begin"\n}\n',
  'goods.deploy':
    'from "std/release" import release\n\nservice apples: release {\n' +
    '  source  = "web"\n  version = "v1"\n}\n',
  'sale.deploy':
    'from "std/release" import release\nfrom "./goods.deploy" import apples\n\n' +
    'environment town {\n  infrastructure one: release { root = "site/town" }\n}\n\n' +
    'pipeline sale {\n  deploy apples to town.one\n}\n\n' +
    'test "apples are sold" {\n  given "**/deploy[apples, *]" fails\n  start sale\n' +
    '  expect "**/deploy[apples, town.one]" failed\n}\n',
  'tested.deploy':
    'pipeline p {\n  log "x"\n}\n\ntest "it ends well" {\n  start p\n  expect p succeeded\n}\n',
  'wrong.deploy':
    'pipeline p {\n  log "x"\n}\n\ntest "in a wrong file" {\n  start p\n' +
    '  expect p succeeded\n}\n\nlet a = unknwn\n',
};

function setUp() {
  fs.rmSync(work, { recursive: true, force: true });
  for (const folder of ['User', 'Machine']) {
    fs.mkdirSync(path.join(home, 'data', folder), { recursive: true });
  }
  fs.cpSync(path.join(root, 'examples', 'shop'), shop, { recursive: true });
  for (const [name, text] of Object.entries(FILES)) {
    fs.writeFileSync(path.join(shop, name), text);
  }
  // The program writes down how it was called, and what the server answers.
  const bin = path.join(work, 'bin');
  fs.mkdirSync(bin);
  fs.writeFileSync(calls, '');
  fs.writeFileSync(log, '');
  fs.writeFileSync(
    path.join(bin, 'lockstep'),
    `#!/bin/sh\necho "$*" >>'${calls}'\ncase $1 in lsp) export LOCKSTEP_LOG=debug ;; esac\n` +
      `if [ "$1" = lsp ]; then exec '${lockstep}' "$@" 2>>'${log}'; fi\nexec '${lockstep}' "$@"\n`,
    { mode: 0o755 },
  );
  // A window in a browser is a remote one: where the program is, is a setting of the machine it runs
  // on. Among those of the user it would hold only until the extension has said what it means. The
  // PATH is no way: VS Code takes it from a login shell.
  writeSettings('Machine', { 'lockstep.path': path.join(bin, 'lockstep') });
  settings({});
  return { ...process.env, HOME: home };
}

/** Writes settings in one step: a file that is only half written would be read as one without any. */
function writeSettings(folder, all) {
  const file = path.join(home, 'data', folder, 'settings.json');
  fs.writeFileSync(`${file}.new`, JSON.stringify(all));
  fs.renameSync(`${file}.new`, file);
}

/** Writes the settings of the user: those of all tests, and more. */
function settings(more) {
  writeSettings('User', {
    'workbench.startupEditor': 'none',
    'workbench.tips.enabled': false,
    'telemetry.telemetryLevel': 'off',
    'editor.minimap.enabled': false,
    ...more,
  });
}

/** The line of a file, counted from 1, that has this text. */
function lineOf(name, text) {
  const at = read(name)
    .split('\n')
    .findIndex((line) => line.includes(text));
  assert(at >= 0, `${text} is not in ${name}`);
  return at + 1;
}

function read(name) {
  return fs.readFileSync(path.join(shop, name), 'utf8');
}

/** How the program was called with this subcommand. */
function called(subcommand) {
  const lines = fs.readFileSync(calls, 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[0] === subcommand);
}

// ===== VS Code =====

async function until(what, condition) {
  const end = Date.now() + LONGEST;
  for (;;) {
    const found = await condition();
    if (found) {
      return found;
    }
    assert(Date.now() < end, `this does not come: ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

const FLAGS = ['--user-data-dir', path.join(home, 'data'), '--extensions-dir', path.join(home, 'ext')];

async function startServer(env) {
  const installed = spawnSync(
    process.execPath,
    [codeServer, ...FLAGS, '--install-extension', vsix],
    { env, encoding: 'utf8' },
  );
  assert.equal(installed.status, 0, installed.stdout + installed.stderr);
  const port = await freePort();
  const output = fs.openSync(path.join(work, 'server.log'), 'w');
  const server = spawn(
    process.execPath,
    [
      codeServer,
      ...FLAGS,
      ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
      ...['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust'],
    ],
    { env, stdio: ['ignore', output, output], detached: true },
  );
  const address = `http://127.0.0.1:${port}`;
  const answers = async () => {
    try {
      return (await fetch(`${address}/healthz`)).ok;
    } catch {
      return false;
    }
  };
  const stop = () => process.kill(-server.pid, 'SIGTERM');
  try {
    await until('code-server answers', answers);
  } catch (error) {
    stop();
    throw error;
  }
  return { stop, address };
}

class Code {
  constructor(page, address) {
    this.page = page;
    this.address = address;
  }

  async press(keys) {
    await this.page.keyboard.press(keys);
  }

  async type(text) {
    await this.page.keyboard.type(text);
  }

  /** Opens a file by its name, and waits for its text. */
  async open(name) {
    await this.press('Control+p');
    const input = this.page.locator('.quick-input-widget .quick-input-box input');
    await input.waitFor({ state: 'visible', timeout: LONGEST });
    await input.fill(name);
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first();
    await row.waitFor({ timeout: LONGEST });
    await row.click();
    const tab = this.page.locator('.editor-group-container.active .tab.active', { hasText: name });
    await tab.waitFor({ timeout: LONGEST });
    await this.line('').first().waitFor({ timeout: LONGEST });
  }

  async command(title) {
    await this.press('F1');
    const input = this.page.locator('.quick-input-widget .quick-input-box input');
    await input.waitFor({ state: 'visible', timeout: LONGEST });
    await input.fill(`>${title}`);
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first();
    await row.waitFor({ timeout: LONGEST });
    await row.click();
  }

  line(text) {
    return this.page.locator('.editor-group-container.active .view-line', { hasText: text });
  }

  /** Puts the cursor at a line and column, counted from 1. */
  async goTo(line, column) {
    await this.press('Control+g');
    const input = this.page.locator('.quick-input-widget .quick-input-box input');
    await input.waitFor({ state: 'visible', timeout: LONGEST });
    await input.fill(`:${line}:${column}`);
    await this.press('Enter');
    await input.waitFor({ state: 'hidden', timeout: LONGEST });
  }

  lensOf(title) {
    return this.page.locator('.codelens-decoration a', { hasText: title }).first();
  }

  /** Clicks a lens above the line with this text. */
  async lens(name, title, text) {
    await this.goTo(lineOf(name, text), 1);
    await this.lensOf(title).waitFor({ timeout: LONGEST });
    await this.lensOf(title).click();
  }

  /** Loads the window anew. */
  async load() {
    await this.page.goto(`${this.address}/?folder=${encodeURI(shop)}`);
    await this.page.locator('.explorer-viewlet .monaco-list-row').first().waitFor({
      timeout: LONGEST,
    });
  }

  /** Shows what the first word of a line means: the server has answered what was asked before. */
  async hover(line) {
    await this.goTo(line, 2);
    await this.press('Control+k');
    await this.press('Control+i');
    await this.page.locator('.monaco-hover .hover-contents').first().waitFor({ timeout: LONGEST });
    await this.press('Escape');
  }

  /** The plan, which is in a frame in a frame, with this text in it. */
  async planFrame(wanted) {
    return until(`a plan with ${wanted}`, async () => {
      for (const frame of this.page.frames()) {
        const text = await frame.evaluate(() => document.body?.innerText ?? '').catch(() => '');
        if (text.includes(wanted)) {
          return frame;
        }
      }
      return undefined;
    });
  }

  /** The text of the plan. */
  async plan() {
    const frame = await this.planFrame('deployments, up to');
    return frame.evaluate(() => document.body.innerText);
  }

  /** The visible lines by their numbers, with the colours of their characters. */
  colours() {
    return this.page.evaluate(() => {
      const editor = document.querySelector('.editor-group-container.active .monaco-editor');
      const lineAt = new Map(
        [...editor.querySelectorAll('.margin-view-overlays > div')].map((row) => [
          row.style.top,
          Number(row.querySelector('.line-numbers')?.textContent),
        ]),
      );
      return [...editor.querySelectorAll('.view-line')].map((line) => [
        lineAt.get(line.style.top),
        // How the text is split does not matter, only which colour each character has.
        [...line.querySelectorAll('span > span')]
          .flatMap((one) => {
            const colour = getComputedStyle(one).color.replace(/[^0-9,]/g, '');
            return [...one.textContent.trim()].map((character) => [character, colour]);
          })
          .reduce((all, [character, colour], at, every) => {
            const same = at > 0 && every[at - 1][1] === colour;
            return all + (same ? character : ` ${colour}:${character}`);
          }, ''),
      ]);
    });
  }
}

// ===== What is tried =====

const tests = {
  async 'the shop is opened, without a mistake'(code) {
    await code.open('shop.deploy');
    await code.goTo(lineOf('shop.deploy', 'pipeline ship'), 1);
    await code.lensOf('Run').waitFor({ timeout: LONGEST });
    assert.equal(await code.page.locator('.squiggly-error').count(), 0);
  },

  async 'colours stay when the server has sent its own'(code) {
    // Without the server's colours first, then with them.
    const looks = [];
    for (const enabled of [false, true]) {
      settings({ '[deploy]': { 'editor.semanticHighlighting.enabled': enabled } });
      fs.writeFileSync(log, '');
      await code.load();
      await code.open('shop.deploy');
      const look = new Map();
      for (const text of ['from "std/release"', 'pipeline ship', 'a bad version is taken']) {
        await code.goTo(lineOf('shop.deploy', text), 1);
        await until('the server has answered', () => {
          const answered = fs.readFileSync(log, 'utf8');
          return answered.includes('textDocument/codeLens') && (!enabled || answered.includes('semanticTokens'));
        });
        await code.hover(lineOf('shop.deploy', text));
        for (const [line, colours] of await code.colours()) {
          look.set(line, colours);
        }
      }
      looks.push(look);
    }
    settings({});
    // Where the window stands after a jump is not always the same: what was seen both times counts.
    const [without, withServer] = looks;
    const seen = [...withServer].filter(([line]) => without.has(line));
    assert(seen.length > 40, `only ${seen.length} lines are shown both times`);
    const differences = seen.flatMap(([line, colours]) =>
      colours === without.get(line)
        ? []
        : [`line ${line} without: ${without.get(line)}`, `line ${line} with:    ${colours}`],
    );
    assert.equal(differences.join('\n'), '');
  },

  async 'a mistake in an imported file is shown'(code) {
    await code.open('imported.deploy');
    await code.command('Problems: Focus on Problems View');
    const panel = code.page.locator('.markers-panel');
    await panel.locator('.monaco-list-row', { hasText: 'parts.deploy' }).first().waitFor({
      timeout: LONGEST,
    });
    await panel.locator('.monaco-list-row', { hasText: 'unknwn' }).first().waitFor({
      timeout: LONGEST,
    });
  },

  async 'a keyword is offered once'(code) {
    await code.open('auto.deploy');
    await code.goTo(2, 14);
    await code.press('Enter');
    await code.type('stag');
    await code.press('Control+Space');
    const rows = code.page.locator('.suggest-widget .monaco-list-row');
    const stage = rows.filter({ has: code.page.locator('.label-name', { hasText: /^stage$/ }) });
    await stage.first().waitFor({ timeout: LONGEST });
    assert.equal(await stage.count(), 1);
    await code.press('Escape');
    for (let at = 0; at < 4; at += 1) {
      await code.press('Backspace');
    }
  },

  async 'a name of another file is completed with its import'(code) {
    await code.type('announ');
    await code.press('Control+Space');
    const row = code.page.locator('.suggest-widget .monaco-list-row', { hasText: 'announce' });
    await row.first().waitFor({ timeout: LONGEST });
    await row.first().click();
    await code.type('"all"');
    await code.press('Control+s');
    await until('the import is saved', () => {
      const text = read('auto.deploy');
      return text.includes('from "./tools.deploy" import announce') && text.includes('announce("all")');
    });
  },

  async 'a name is changed in all files and tests'(code) {
    await code.open('sale.deploy');
    await code.lensOf('Test').waitFor({ timeout: LONGEST });
    await code.goTo(lineOf('sale.deploy', 'deploy apples'), 12);
    await code.press('F2');
    const input = code.page.locator('.rename-box .rename-input');
    await input.waitFor({ state: 'visible', timeout: LONGEST });
    await input.fill('pears');
    await code.press('Enter');
    await code.line('deploy pears to town.one').first().waitFor({ timeout: LONGEST });
    await code.command('File: Save All Files');
    await until('the other file is changed', () => read('goods.deploy').includes('service pears:'));
    await until('this file is saved', () => read('sale.deploy').includes('deploy pears to'));
    const rest = ['sale.deploy', 'goods.deploy'].filter((name) => read(name).includes('apples,'));
    assert.deepEqual(rest, [], 'the old name is left in the paths of a test');
  },

  async 'a test is run'(code) {
    await code.open('tested.deploy');
    await code.lens('tested.deploy', 'Test', 'test "');
    await code.command('Testing: Focus on Test Explorer View');
    const explorer = code.page.locator('.test-explorer');
    await explorer.locator('.codicon-testing-passed-icon').first().waitFor({ timeout: LONGEST });
  },

  async 'a test in a file with a mistake says the mistake'(code) {
    await code.open('wrong.deploy');
    await code.lens('wrong.deploy', 'Test', 'test "');
    await code.command('Testing: Focus on Test Explorer View');
    const explorer = code.page.locator('.test-explorer');
    await explorer.locator('.codicon-testing-error-icon').first().waitFor({ timeout: LONGEST });
  },

  async 'a plan is shown'(code) {
    await code.open('shop.deploy');
    await code.lens('shop.deploy', 'Plan', 'pipeline ship');
    assert.match(await code.plan(), /12 deployments, up to 6 at once/);
    if (process.env.LOCKSTEP_IMAGE) {
      await code.page.screenshot({ path: process.env.LOCKSTEP_IMAGE });
    }
  },

  async 'the plan is the drawing, in the colours of the theme'(code) {
    const frame = await code.planFrame('12 deployments, up to 6 at once');
    const drawing = frame.getByRole('region', { name: 'Drawing of the plan' });
    assert.equal(await drawing.locator('.chip.deploys').count(), 12);
    const place = async (name) =>
      drawing.locator('.group', { hasText: name }).last().boundingBox();
    const [north, south] = [await place('staging.north'), await place('staging.south')];
    assert(south.y > north.y && Math.abs(south.x - north.x) < 2, 'parallel goes downwards');
    const [eu, us] = [await place('prod.eu'), await place('prod.us')];
    assert(us.x > eu.x && Math.abs(us.y - eu.y) < 2, 'serial goes to the right');
    const colours = () =>
      frame.evaluate(() => {
        const root = getComputedStyle(document.documentElement);
        const probe = document.createElement('i');
        document.body.append(probe);
        const found = ['--vscode-editor-background', '--vscode-editor-foreground'].map((name) => {
          probe.style.color = root.getPropertyValue(name);
          return getComputedStyle(probe).color;
        });
        probe.remove();
        const chip = document.querySelector('.chip .name');
        return [found, [root.backgroundColor, getComputedStyle(chip).color]];
      });
    const [theme, page] = await colours();
    assert.deepEqual(page, theme);
    await drawing.locator('.chip.deploys').first().click();
    const part = frame.getByRole('region', { name: 'The selected part' });
    await part.getByText('What is in it').waitFor({ timeout: LONGEST });
    await code.press('Escape');
    await part.waitFor({ state: 'hidden', timeout: LONGEST });
  },

  async 'the plan follows what is saved, here and elsewhere'(code) {
    const file = path.join(shop, 'shop.deploy');
    const before = read('shop.deploy');
    const broken = before.replace('pipeline ship', 'pipeline ship !');
    fs.writeFileSync(file, broken);
    await code.planFrame('E0116');
    fs.writeFileSync(file, before);
    await code.planFrame('12 deployments, up to 6 at once');
  },

  async 'Escape in the form of the inputs runs nothing'(code) {
    const form = await openForm(code);
    await code.press('Escape');
    await form.waitFor({ state: 'hidden', timeout: LONGEST });
    assert.deepEqual(called('run'), []);
  },

  async 'Escape in an input runs nothing'(code) {
    const form = await openForm(code);
    await form.locator('.monaco-list-row', { hasText: 'version' }).first().click();
    const input = code.page.locator('.quick-input-widget .quick-input-box input');
    await until('the default is offered', async () => (await input.inputValue()) === 'v1');
    await code.press('Escape');
    await form.waitFor({ state: 'hidden', timeout: LONGEST });
    assert.deepEqual(called('run'), []);
  },

  async 'without a yes nothing is run, with one it is'(code) {
    for (const answer of ['Escape', 'Run']) {
      const form = await openForm(code);
      await form.locator('.monaco-list-row', { hasText: 'Show the plan' }).click();
      const dialog = code.page.locator('.monaco-dialog-box');
      await dialog.waitFor({ timeout: LONGEST });
      assert.match(await dialog.innerText(), /Run ship of shop\.deploy now\?/);
      assert.match(await code.plan(), /12 deployments/);
      assert.deepEqual(called('run'), []);
      if (answer === 'Run') {
        await dialog.locator('.monaco-button', { hasText: 'Run' }).click();
      } else {
        await code.press(answer);
      }
      await dialog.waitFor({ state: 'hidden', timeout: LONGEST });
    }
    await until('the program is started', () => called('run').length === 1);
    const end = path.join(shop, 'site', 'prod', 'us', 'web', 'current');
    await until('the run has ended', () => fs.existsSync(end));
  },

  // The last one: nobody saves its document.
  async 'the plan becomes a diagram'(code) {
    const frame = await code.planFrame('12 deployments, up to 6 at once');
    await frame.getByRole('button', { name: 'As a diagram' }).click();
    await code.page.locator('.view-line', { hasText: 'flowchart' }).waitFor({ timeout: LONGEST });
  },
};

async function openForm(code) {
  await code.command('View: Close All Editors');
  await code.page.locator('.tab').first().waitFor({ state: 'detached', timeout: LONGEST });
  await code.open('shop.deploy');
  await code.lens('shop.deploy', 'Run', 'pipeline ship');
  const form = code.page.locator('.quick-input-widget', { hasText: 'Run ship: its inputs' });
  await form.waitFor({ timeout: LONGEST });
  return form;
}

// ===== All of it =====

const env = setUp();
const { stop, address } = await startServer(env);
const browser = await chromium.launchPersistentContext(path.join(work, 'browser'), {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1400, height: 1000 },
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let failed = 0;
let passed = 0;
try {
  const page = browser.pages()[0] ?? (await browser.newPage());
  const code = new Code(page, address);
  await code.load();
  for (const [name, test] of Object.entries(tests)) {
    const began = Date.now();
    try {
      await test(code);
      passed += 1;
      console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      const shot = path.join(work, `failed-${failed}.png`);
      await page.screenshot({ path: shot }).catch(() => undefined);
      console.log(`FAILED  ${name}\n${error.stack}\nsee ${shot}`);
      await page.keyboard.press('Escape').catch(() => undefined);
    }
  }
} finally {
  await browser.close();
  stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
