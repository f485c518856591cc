// The page that `lockstep plan --format html` writes, opened as a file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { lookAt } from "./browser.mjs";

const LONG = 60_000;
/** A page of a plan is there after so long at most, however busy the machine is. */
const LONGEST_MS = 5_000;

/** Writes the page of a plan and opens it; returns what it asked for, and how long that took. */
async function openPlan(page, { program, folder }, args) {
  const text = execFileSync(program, ["plan", ...args, "--format", "html"], {
    cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const file = join(folder, "plan.html");
  writeFileSync(file, text);
  const asked = [];
  const hear = (request) => asked.push(request.url());
  page.on("request", hear);
  const address = pathToFileURL(file).href;
  const began = Date.now();
  await page.goto(address);
  await page.getByRole("region", { name: "Drawing of the plan" }).waitFor({ timeout: LONG });
  const took = Date.now() - began;
  page.off("request", hear);
  const others = asked.filter((it) => it !== address && !it.startsWith("data:"));
  assert.deepEqual(others, [], "the page asks for more than itself");
  return took;
}

export async function planPage(page, server) {
  await openPlan(page, server, ["shop.deploy", "ship", "-i", "version=v7"]);
  assert.equal(await page.title(), "Plan of ship in shop.deploy");
  await page.getByText("12 deployments, up to 6 at once", { exact: false }).waitFor();
  await page.locator(".facts", { hasText: "version" }).getByText("v7", { exact: true }).waitFor();
  const drawing = page.getByRole("region", { name: "Drawing of the plan" });
  assert.equal(await drawing.locator(".chip.deploys").count(), 12);
  // Serial parts stand to the right of each other, parallel ones below.
  const place = (name) => drawing.locator(".group", { hasText: name }).last().boundingBox();
  const [north, south] = [await place("staging.north"), await place("staging.south")];
  const [eu, us] = [await place("prod.eu"), await place("prod.us")];
  assert.ok(south.y > north.y && Math.abs(south.x - north.x) < 2, "parallel goes downwards");
  assert.ok(us.x > eu.x && Math.abs(us.y - eu.y) < 2, "serial goes to the right");
  await lookAt(page, "plan");
  await drawing.locator(".chip.deploys", { hasText: "cart" }).last().click();
  const part = page.getByRole("region", { name: "The selected part" });
  await part.getByRole("heading", { name: "cart → prod.us" }).waitFor();
  await part.getByText("smoke-test", { exact: false }).first().waitFor();
  await lookAt(page, "plan-selected");
}

/** With the page that is open. */
export async function keyboardOfPlan(page) {
  await page.reload();
  const focus = () => page.evaluate(() => {
    const it = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(it);
    return { text: it.textContent.trim(), key: it.dataset.key, name: it.tagName,
      isSeen: outlineStyle !== "none" && outlineWidth !== "0px" };
  });
  await page.keyboard.press("Tab");
  assert.equal((await focus()).text, "Skip to the drawing");
  await page.keyboard.press("Enter");
  let now = await focus();
  for (let at = 0; at < 20 && !/^·web/.test(now.text); at += 1) {
    await page.keyboard.press("Tab");
    now = await focus();
    assert.ok(now.isSeen, `the focus on ${now.text} is not seen`);
  }
  assert.match(now.text, /^·web/);
  await page.keyboard.press("Enter");
  assert.deepEqual((await focus()).name, "H2");
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("region", { name: "The selected part" }).count(), 0);
  assert.equal((await focus()).key, now.key, "the focus goes back to where it was");
}

export async function nastyPlan(page, server) {
  const nasty = "</script><script>window.forged = 1</script><!--<script> \" ' & &lt; \u2028 $& $1";
  await openPlan(page, server, ["edge.deploy", "gate", "-i", `note=${nasty}`]);
  await page.locator(".facts dd", { hasText: "window.forged = 1" }).first().waitFor();
  const shown = nasty.replace("\u2028", "\\u{2028}");
  const log = page.locator(".drawing .chip", { hasText: "window.forged = 1" }).first();
  assert.ok((await log.textContent()).includes(shown), await log.textContent());
  assert.equal(await page.evaluate(() => window.forged), undefined);
  assert.equal(await page.locator("script").count(), 2);
  await log.click();
  const part = page.getByRole("region", { name: "The selected part" });
  assert.ok((await part.locator("pre").textContent()).includes(shown));
  await lookAt(page, "plan-nasty");
}

export async function largePlan(page, server, mostElements) {
  const took = await openPlan(page, server, ["edge.deploy", "many"]);
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  console.log(`  there after ${took} ms, ${elements} elements`);
  assert.ok(took < LONGEST_MS, `it took ${took} ms`);
  assert.ok(elements < mostElements, `${elements} elements`);
  await lookAt(page, "plan-many");
  await page.getByRole("button", { name: "All 5,000 cells", exact: true }).click();
  await page.getByLabel("Filter").fill("4321");
  const rows = page.locator("dialog .virtual .chip");
  await page.getByText("1 shown", { exact: true }).waitFor();
  await rows.nth(1).waitFor({ state: "detached" });
  assert.match(await rows.textContent(), /test 4321 -ne 4321/);
  await lookAt(page, "plan-cells");
  await page.getByLabel("Filter").fill("");
  await page.getByRole("region", { name: "Cells", exact: true }).focus();
  await page.keyboard.press("End");
  await rows.filter({ hasText: "4999" }).waitFor();
  assert.ok(await rows.count() < 100, `${await rows.count()} rows`);
  await rows.filter({ hasText: "4999" }).click();
  const part = page.getByRole("region", { name: "The selected part" });
  await part.getByText("test 4999 -ne 4321", { exact: false }).first().waitFor();
}

const ROWS = `pipeline rows {
  matrix serial row in ["a", "b"] parallel number in range(0, 30) { run "echo \${row}" }
}
`;

export async function rowsOfPlan(page, { program }) {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-plan-"));
  writeFileSync(join(folder, "rows.deploy"), ROWS);
  await openPlan(page, { program, folder }, ["rows.deploy"]);
  const counts = await page.locator(".drawing .counts").allTextContents();
  assert.deepEqual(counts, ["60 cells", "30 cells", "30 cells"]);
  assert.equal(await page.locator(".drawing .chip", { hasText: "$ echo b" }).count(), 3);
  await lookAt(page, "plan-rows");
  rmSync(folder, { recursive: true });
}
