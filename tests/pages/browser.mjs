// The browser of the tests: whatever a page complains about is collected, and fails them.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"];

/** All that a page has complained about. */
export const complaints = [];

/** Answers that a browser reports as errors and that a test has asked for. */
const EXPECTED = [
  [401, /\/api\/v1\/session$/],
];

/** Says that an answer is what a test wants. */
export const expectAnswer = (status, address) => EXPECTED.push([status, address]);

export async function open() {
  const executablePath = PLACES.find((it) => it && existsSync(it));
  if (!executablePath) throw new Error("there is no Chromium: set CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A browser of one person. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 }, permissions: ["clipboard-write"], ...options,
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.setDefaultTimeout(20_000);
  context.on("page", watch);
  return context.newPage();
}

function watch(page) {
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.stack}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const { url } = message.location();
    const status = Number((/status of (\d+)/.exec(message.text()) || [])[1]);
    if (EXPECTED.some(([it, address]) => it === status && address.test(url))) return;
    complaints.push(`${page.url()}: ${message.text()} ${url}`);
  });
  page.on("request", (request) => {
    const to = new URL(request.url());
    const isOwn = page.url() === "about:blank" || to.origin === new URL(page.url()).origin;
    if (!isOwn) complaints.push(`${page.url()}: asks ${request.url()}`);
  });
}

/** Looks at a page with axe in light and dark, wide and narrow. */
export async function lookAt(page, name) {
  if (process.env.WITHOUT_AXE) return;
  const size = page.viewportSize();
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => new Promise((done) => {
        requestAnimationFrame(() => requestAnimationFrame(done));
      }));
      const isLoaded = await page.evaluate(() => Boolean(window.axe));
      // The page's policy refuses scripts of others: this one comes by the debugger.
      if (!isLoaded) await page.evaluate(`(() => { const module = undefined; ${axe}\n})()`);
      // In the dark only colours are others.
      const runOnly = colorScheme === "light" ? { type: "tag", values: RULES }
        : { type: "rule", values: ["color-contrast"] };
      const found = await page.evaluate((only) => window.axe.run(document, { runOnly: only }),
        runOnly);
      const where = `${name} (${width} px, ${colorScheme})`;
      for (const it of found.violations) {
        const [node] = it.nodes;
        complaints.push(`${where}: ${it.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`);
      }
      const over = await page.evaluate(() => (
        document.documentElement.scrollWidth - window.innerWidth));
      if (over > 0) complaints.push(`${where}: scrolls sideways by ${over} px`);
      await shoot(page, `${name}-${width}-${colorScheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(size);
}

/** Where `SHOTS` names a folder, pages are kept there as pictures. */
export async function shoot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}
