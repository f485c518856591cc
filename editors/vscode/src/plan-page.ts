// The page of a plan, as `lockstep plan --format html` writes it, in a panel of VS Code: with the
// colours of its theme, two buttons, and the place that was looked at before.
// It does not know what is drawn, nor how.

import { randomBytes } from 'node:crypto';
import type { Ended } from './program';

/**
 * The colours of the page by those of the theme. What a theme may lack, or has no colour of its own
 * for, is mixed of text and ground, which every theme makes sure can be read.
 */
const STYLE = `
:root {
  color-scheme: light;
  --ground: var(--vscode-editor-background);
  --text: var(--vscode-editor-foreground);
  --panel: color-mix(in srgb, var(--text) 7%, var(--ground));
  --line: color-mix(in srgb, var(--text) 20%, var(--ground));
  --edge: color-mix(in srgb, var(--text) 50%, var(--ground));
  --dim: color-mix(in srgb, var(--text) 75%, var(--ground));
  --accent: var(--vscode-textLink-foreground);
  --on-accent: var(--vscode-button-foreground);
  --good: var(--vscode-charts-green);
  --bad: var(--vscode-errorForeground);
  --warn: var(--vscode-editorWarning-foreground);
  --note: var(--vscode-charts-blue);
  --mono: var(--vscode-editor-font-family), monospace;
  font-family: var(--vscode-font-family), sans-serif;
  font-size: var(--vscode-font-size);
}
:root:has(> body.vscode-dark, > body.vscode-high-contrast:not(.vscode-high-contrast-light)) {
  color-scheme: dark;
}
body { padding: 0; color: inherit; font: inherit; background: none; }
code { color: inherit; background: none; padding: 0; }
h1 code { color: var(--dim); }
:focus-visible { outline-color: var(--vscode-focusBorder); }
.page { padding: 0.75rem 1rem 2rem; }
.of-editor { display: flex; gap: 6px; float: right; margin: 0 0 0.5rem 1rem; }
.of-editor button {
  font: inherit; border: 1px solid var(--vscode-button-border, transparent); border-radius: 4px;
  padding: 4px 10px; min-height: 26px; cursor: pointer;
  color: var(--vscode-button-secondaryForeground, var(--vscode-button-foreground));
  background: var(--vscode-button-secondaryBackground, var(--vscode-button-background));
}
.of-editor button:hover { background: var(--vscode-button-secondaryHoverBackground); }
.wrong { color: var(--bad); white-space: pre-wrap; }
`;

const SCRIPT = `
const editor = acquireVsCodeApi();
for (const button of document.querySelectorAll('.of-editor button')) {
  button.addEventListener('click', () => editor.postMessage(button.id));
}
const drawing = document.querySelector('.drawing');
const seen = editor.getState();
if (seen && seen.title === document.title) {
  scrollTo(seen.x, seen.y);
  if (drawing) drawing.scrollLeft = seen.left;
}
addEventListener('scroll', () => editor.setState({
  title: document.title, x: scrollX, y: scrollY, left: drawing ? drawing.scrollLeft : 0,
}), { capture: true, passive: true });
`;

const SIGNS: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => SIGNS[sign] ?? sign);
}

/** Puts a text behind the first place with another one. */
function after(page: string, place: string, text: string): string {
  const at = page.indexOf(place);
  return at < 0 ? page : page.slice(0, at + place.length) + text + page.slice(at + place.length);
}

/** The page of what the program has said: the plan, or why there is none. */
export function planPage({ code, stdout, stderr }: Ended): string {
  const nonce = randomBytes(16).toString('hex');
  const page = code === 0 ? stdout : empty();
  const buttons = ['<button type="button" id="draw">Refresh</button>'];
  if (code === 0) {
    buttons.push('<button type="button" id="mermaid">As a diagram</button>');
  }
  const said = stderr === '' ? '' : `<pre class="wrong" tabindex="0">${escaped(stderr)}</pre>\n`;
  const head = `<div class="buttons of-editor">${buttons.join('')}</div>\n`;
  const style = `\n<style nonce="${nonce}">${STYLE}</style>`;
  const script = `<script nonce="${nonce}">${SCRIPT}</script>\n`;
  // The policy permits what the page has in it; here that is this, too.
  const added: [place: string, text: string][] = [
    ['script-src ', `'nonce-${nonce}' `],
    ['style-src ', `'nonce-${nonce}' `],
    ['</style>', style],
    ['<main class="page">\n', head + said],
  ];
  const whole = added.reduce((text, [place, more]) => after(text, place, more), page);
  const end = whole.lastIndexOf('</body>');
  return whole.slice(0, end) + script + whole.slice(end);
}

/** A page without a plan, in the form of one. */
function empty(): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ; style-src ">
<title>Plan</title>
<style></style>
</head>
<body>
<main class="page">
</main>
</body>
</html>
`;
}
