// Drives the pages of `lockstep serve` in a browser:
//
//   npm ci --prefix tests/pages
//   LOCKSTEP=target/debug/lockstep node tests/pages/run.mjs
//
// It needs Chromium (`CHROMIUM` names it where it is not found). `SHOTS=folder` keeps pictures of
// all pages there; `WITHOUT_AXE=1` leaves out what takes most of the time.

import assert from "node:assert/strict";
import { complaints, expectAnswer, lookAt, open, person, shoot } from "./browser.mjs";
import { startServer, stoppedRun } from "./server.mjs";
import { keyboardOfPlan, largePlan, nastyPlan, planPage, rowsOfPlan } from "./plan.mjs";
import { TRIGGER_STEPS } from "./triggers.mjs";

const PASSWORD = "correct horse battery";
const LONG = 60_000;
/** A page that takes longer than this to draw a frame does not feel alive, however busy it is. */
const LONGEST_FRAME_MS = 2_000;
const MOST_ELEMENTS = 2_500;

// What is refused here is refused on purpose.
expectAnswer(403, /\/api\/v1\/runs$/);
expectAnswer(422, /\/api\/v1\/(plans|runs)$/);
expectAnswer(404, /\/api\/v1\/runs\/r-nothing$/);

const server = await startServer();
const browser = await open();
let failed = 0;

/** Does one step; the next ones are done all the same, as far as they can. */
async function step(name, work) {
  const began = Date.now();
  const before = complaints.length;
  try {
    await work();
    assert.equal(complaints.length, before, complaints.slice(before).join("\n"));
    console.log(`✓ ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`✗ ${name}\n${error.stack}`);
    await shoot(ada, `failed-${failed}`).catch(() => {});
    await shoot(grace, `failed-${failed}-grace`).catch(() => {});
  }
}

const ada = await person(browser);
const grace = await person(browser);
const at = (path) => server.url + path;
const seen = (page, text, options = {}) =>
  page.getByText(text, { exact: false }).first().waitFor({ timeout: LONG, ...options });
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const state = (page, text) => page.locator("header.of-run .title-row > .state", { hasText: text })
  .waitFor({ timeout: LONG });

/** Presses a button of a dialog, which then goes. */
async function decide(page, name) {
  await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached", timeout: LONG });
}

/** Waits until there are so many: the policy of the pages lets no test evaluate texts there. */
async function untilCount(locator, count) {
  const until = Date.now() + LONG;
  while (await locator.count() !== count) {
    assert.ok(Date.now() < until, `${await locator.count()} instead of ${count}: ${locator}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

const version = (page) => page.getByRole("textbox", { name: /^version/ });

async function start(page, pipeline, fill = async () => {}) {
  await page.goto(at(`/pipelines/${encodeURIComponent(pipeline)}`));
  await fill(page);
  await press(page, "Start");
  await page.waitForURL(/\/runs\/r-/);
  return new URL(page.url()).pathname.split("/").at(-1);
}

await step("a page that needs somebody leads to signing in", async () => {
  await ada.goto(at("/runs"));
  await ada.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.match(ada.url(), /\/sign-in\?back=%2Fruns$/);
  await lookAt(ada, "sign-in");
});

await step("the one-time link makes the first administrator", async () => {
  await ada.goto(server.link);
  await ada.getByLabel("Name").fill("ada");
  await ada.getByLabel("Password").fill(PASSWORD);
  await lookAt(ada, "invitation");
  await press(ada, "Make the first account");
  await ada.getByRole("heading", { name: "Runs" }).waitFor();
  await seen(ada, "Nothing has run yet");
  await lookAt(ada, "runs-empty");
});

await step("a second user is invited by a link that is shown once", async () => {
  await ada.getByRole("link", { name: "Access" }).click();
  await ada.getByLabel("Name", { exact: true }).fill("grace");
  await press(ada, "Invite");
  const dialog = ada.getByRole("dialog", { name: "Invitation for grace" });
  const link = await dialog.locator("code.secret").textContent();
  await decide(ada, "I have it");
  await grace.goto(link);
  await grace.getByLabel("Password").fill(PASSWORD);
  await press(grace, "Make your account");
  await grace.getByRole("heading", { name: "Runs" }).waitFor();
  assert.equal(await grace.getByRole("link", { name: "Access" }).count(), 0);
  // A link works once.
  const again = await person(browser);
  expectAnswer(404, /\/api\/v1\/invitations\//);
  await again.goto(link);
  await again.getByRole("heading", { name: "This link does not work" }).waitFor();
  await again.context().close();
});

await step("permissions are given and taken: grace may run on two of three", async () => {
  await ada.goto(at("/access"));
  await press(ada, "Take away: everyone may run on targets *");
  await decide(ada, "Take it away");
  for (const on of ["edge.a", "edge.b", "staging.*", "prod.*"]) {
    await ada.getByLabel("Who").fill("user grace");
    await ada.getByLabel("may", { exact: true }).selectOption("run");
    await ada.getByLabel("Pattern").fill(on);
    await press(ada, "Permit");
    await ada.getByRole("button", { name: `Take away: user grace may run on targets ${on}` })
      .waitFor();
  }
  await ada.getByLabel("Name of the group").fill("ops");
  await press(ada, "Make");
  await ada.getByLabel("Put somebody into ops").selectOption("grace");
  await ada.getByRole("button", { name: "Take grace out of ops" }).waitFor();
  await lookAt(ada, "access");
});

await step("the form shows what may not be chosen, and the server refuses it", async () => {
  await grace.goto(at("/pipelines/edge.deploy%2Fgate"));
  const box = grace.getByRole("checkbox", { name: /edge\.c/ });
  assert.equal(await box.isDisabled(), true);
  await seen(grace, "you may not run here");
  await lookAt(grace, "start-refused");
  await grace.goto(at("/pipelines/shop.deploy%2Fship"));
  // One who knows the address of the API is refused there, too.
  const status = await grace.evaluate(async () => {
    const session = await (await fetch("/api/v1/session")).json();
    const answer = await fetch("/api/v1/runs", {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": session.csrf_token },
      body: JSON.stringify({
        pipeline: "edge.deploy/gate", inputs: { places: ["edge.a", "edge.b", "edge.c"] },
      }),
    });
    return answer.status;
  });
  assert.equal(status, 403);
});

await step("mistakes are shown beside the form", async () => {
  await ada.goto(at("/pipelines/shop.deploy%2Fship"));
  await version(ada).fill("two");
  await press(ada, "Plan");
  await ada.locator(".problem pre", { hasText: "version" }).waitFor();
  await lookAt(ada, "start-mistake");
});

await step("a plan is drawn before anything is started", async () => {
  await version(ada).fill("v1");
  await press(ada, "Plan");
  const drawing = ada.getByRole("region", { name: "Drawing of the plan" });
  await drawing.waitFor();
  assert.equal(await drawing.locator(".chip.deploys").count(), 12);
  await seen(ada, "up to 6 deployments");
  // Serial parts stand to the right of each other, parallel ones below.
  const place = (name) => drawing.locator(".group", { hasText: name }).last().boundingBox();
  const [north, south] = [await place("staging.north"), await place("staging.south")];
  const [eu, us] = [await place("prod.eu"), await place("prod.us")];
  assert.ok(south.y > north.y && Math.abs(south.x - north.x) < 2, "parallel goes downwards");
  assert.ok(us.x > eu.x && Math.abs(us.y - eu.y) < 2, "serial goes to the right");
  await lookAt(ada, "start-plan");
  await drawing.locator(".chip.deploys", { hasText: "cart" }).last().click();
  const part = ada.getByRole("region", { name: "The selected part" });
  await part.getByRole("heading", { name: "cart → prod.us" }).waitFor();
  await lookAt(ada, "start-plan-selected");
  await ada.keyboard.press("Escape");
  assert.equal(await part.count(), 0);
});

await step("a run is started with the form, and watched", async () => {
  await press(ada, "Start");
  await ada.waitForURL(/\/runs\/r-/);
  await state(ada, "succeeded");
  const chips = ada.locator(".drawing .chip.deploys.good");
  await untilCount(chips, 12);
  assert.match(await chips.first().textContent(), /— → v1.*deployed/);
  await lookAt(ada, "run-succeeded");
});

let bad;
await step("a failure says why, with its last lines, without a click", async () => {
  bad = await start(ada, "shop.deploy/ship", (page) => version(page).fill("v3-bad"));
  await state(ada, "failed");
  await ada.locator(".failure pre", { hasText: "v3-bad answers with errors" }).waitFor();
  await seen(ada, "exit code 3");
  await untilCount(ada.locator(".drawing .chip.deploys.warn"), 3);
  await seen(ada, "production keeps the version it had");
  await lookAt(ada, "run-failed");
});

await step("a part that is selected is shown, at an address of its own", async () => {
  await ada.locator(".drawing .chip", { hasText: "cart" }).nth(2).click();
  const inspector = ada.getByRole("complementary");
  await inspector.getByRole("heading", { name: "cart → prod.eu" }).waitFor();
  await inspector.getByText("smoke-test", { exact: true }).waitFor();
  assert.match(ada.url(), /\?node=ship%2Fprod/);
  await ada.reload();
  await inspector.getByRole("heading", { name: "cart → prod.eu" }).waitFor();
  await lookAt(ada, "run-selected");
  await ada.keyboard.press("Tab");
  await inspector.getByRole("button", { name: "Close this part" }).click();
  assert.equal(await inspector.isVisible(), false);
});

await step("the ledger, the time line, and the plan beside what happened", async () => {
  await ada.getByRole("link", { name: "Ledger" }).click();
  const rolled = ada.getByRole("row").filter({ hasText: "rolled back" });
  await rolled.first().waitFor();
  assert.equal(await rolled.count(), 3);
  await lookAt(ada, "ledger");
  await ada.getByRole("link", { name: "Time line" }).click();
  await ada.locator(".time-row .bar").first().waitFor();
  await lookAt(ada, "time-line");
  await ada.getByRole("link", { name: "Plan and outcome" }).click();
  await ada.getByLabel("Only what went otherwise than planned").check();
  await seen(ada, "not reached");
  await lookAt(ada, "outcome");
});

await step("the console opens what failed, and filters", async () => {
  await ada.getByRole("link", { name: "Console" }).click();
  await ada.locator(".log .text", { hasText: "answers with errors" }).waitFor();
  await ada.getByLabel("only failed").check();
  await untilCount(ada.locator(".tree-row:not(:has(.mark.bad))"), 0);
  assert.ok(await ada.locator(".tree-row").count() > 0);
  await lookAt(ada, "console");
});

await step("dialogs ask before anything is done, and a run is retried", async () => {
  await ada.goto(at(`/runs/${bad}`));
  await press(ada, "Take back…");
  await lookAt(ada, "dialog");
  await ada.keyboard.press("Escape");
  assert.equal(await ada.getByRole("dialog").count(), 0);
  await press(ada, "Retry…");
  await decide(ada, "Retry");
  await seen(ada, "Retries");
  await state(ada, "failed");
});

await step("a deployment is taken back from the environments", async () => {
  await ada.goto(at("/environments"));
  await press(ada, "Take back web of staging.north");
  await decide(ada, "Take back");
  await ada.waitForURL(/\/runs\/r-/);
  await seen(ada, "Takes back");
  await state(ada, "succeeded");
  await ada.goto(at("/environments"));
  await seen(ada, "1 of 3 differ");
  await lookAt(ada, "environments");
});

await step("a whole run is taken back: what it deployed is what it was before", async () => {
  const run = await start(ada, "shop.deploy/ship", (page) => version(page).fill("v2"));
  await state(ada, "succeeded");
  await press(ada, "Take back…");
  const dialog = ada.getByRole("dialog", { name: `Take back ${run}?` });
  await dialog.getByText("v2 → v1").first().waitFor();
  await decide(ada, "Take back");
  await ada.waitForURL((url) => !url.pathname.endsWith(run));
  await seen(ada, "Takes back");
  await state(ada, "succeeded");
  await ada.goto(at("/environments"));
  const prod = ada.getByRole("table", { name: "What is in prod" });
  await prod.getByText("v1", { exact: true }).first().waitFor();
  assert.equal(await prod.getByText("v2", { exact: true }).count(), 0);
});

await step("an approval is not for who started it, and another user gives it", async () => {
  const run = await start(ada, "edge.deploy/gate");
  await seen(ada, "You may not answer");
  await lookAt(ada, "run-asks");
  await grace.goto(at("/approvals"));
  await grace.getByRole("heading", { name: "For you" }).waitFor();
  await seen(grace, "the run fails");
  await lookAt(grace, "approvals");
  await press(grace, "Approve…");
  await grace.getByLabel("Reason (kept with it)").fill("looks good");
  await decide(grace, "Approve");
  await seen(grace, "No run asks anything");
  await state(ada, "succeeded");
  assert.match(ada.url(), new RegExp(run));
  // One of its three infrastructures is not hers: what she may not do is not offered.
  const takeBack = (page) => page.getByRole("button", { name: /^Take back/ });
  await untilCount(takeBack(ada), 1);
  await grace.goto(at(`/runs/${run}`));
  await state(grace, "succeeded");
  assert.equal(await takeBack(grace).count(), 0);
  await grace.goto(at("/environments"));
  await grace.getByRole("table", { name: "What is in edge" }).waitFor();
  assert.equal(await grace.getByRole("button", { name: /^Take back page of edge/ }).count(), 0);
  assert.ok(await takeBack(grace).count() > 0, "what she may run on is offered");
});

await step("what waits for a lock says who holds it", async () => {
  const first = await start(ada, "edge.deploy/holds");
  await start(grace, "edge.deploy/holds");
  await grace.locator(".waits", { hasText: `is held by ${first}` }).waitFor({ timeout: LONG });
  await ada.goto(at("/locks"));
  await ada.getByRole("row").filter({ hasText: "the-gate" }).waitFor();
  await lookAt(ada, "locks");
  await press(grace, "Cancel…");
  await grace.getByLabel("Reason (kept with it)").fill("not now");
  await decide(grace, "Cancel the run");
  await state(grace, "cancelled");
  await ada.goto(at(`/runs/${first}`));
  await press(ada, "Cancel…");
  await decide(ada, "Cancel the run");
  await state(ada, "cancelled");
});

await step("a run that was stopped goes on", async () => {
  await stoppedRun(server, "edge.deploy", "holds");
  await ada.goto(at("/runs?status=stopped"));
  await ada.locator("tbody th a").first().click();
  await seen(ada, "No process drives this run");
  await lookAt(ada, "run-stopped");
  await press(ada, "Resume…");
  await decide(ada, "Resume the run");
  await state(ada, "running");
  await ada.locator(".drawing .chip.note", { hasText: "sleep" }).waitFor({ timeout: LONG });
  await press(ada, "Cancel…");
  await decide(ada, "Cancel the run");
  await state(ada, "cancelled");
});

await step("five thousand cells: the page stays alive, small, and shows the failure", async () => {
  await start(ada, "edge.deploy/many");
  await ada.evaluate(() => {
    window.longest = 0;
    let before = performance.now();
    const look = (now) => {
      window.longest = Math.max(window.longest, now - before);
      before = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await ada.locator(".counts", { hasText: "to come" }).first().waitFor();
  await ada.locator("header.of-run .title-row > .state", { hasText: "succeeded" })
    .waitFor({ timeout: 300_000 });
  await ada.locator(".cells .chip", { hasText: "failed and ignored" }).or(
    ada.locator(".cells .chip", { hasText: "exit code 1" })).first().waitFor();
  await seen(ada, "4,999 succeeded");
  const [longest, elements] = await ada.evaluate(() => [
    window.longest, document.querySelectorAll("*").length]);
  console.log(`  longest frame ${Math.round(longest)} ms, ${elements} elements`);
  assert.ok(longest < LONGEST_FRAME_MS, `a frame took ${longest} ms`);
  assert.ok(elements < MOST_ELEMENTS, `${elements} elements`);
  await lookAt(ada, "run-many");
  await press(ada, "All 5,000 cells");
  await ada.getByLabel("Filter").fill("4321");
  await ada.locator("dialog .virtual .chip").first().waitFor();
  await lookAt(ada, "cells");
  await ada.locator("dialog .virtual .chip").first().click();
  await ada.getByRole("complementary").waitFor();
  await ada.getByRole("link", { name: "Console" }).click();
  await ada.locator(".tree-row").first().waitFor();
  const rows = await ada.locator(".tree-row").count();
  assert.ok(rows > 0 && rows < 100, `${rows} rows of the tree`);
});

await step("a log of a million lines: any line is there at once, and has an address", async () => {
  const run = await start(ada, "edge.deploy/lines");
  await state(ada, "succeeded");
  await ada.goto(at(`/runs/${run}/console?node=lines%2Frun#L654321`));
  await ada.locator(".log .marked .text", { hasText: /^654321$/ }).waitFor();
  const log = ada.getByRole("region", { name: "Log" });
  await log.focus();
  await ada.keyboard.press("End");
  await ada.locator(".log .text", { hasText: /^1000000$/ }).waitFor();
  await ada.keyboard.press("Home");
  await ada.locator(".log .text", { hasText: /^1$/ }).waitFor();
  await log.evaluate((it) => it.scrollTo(0, it.scrollHeight / 2));
  await ada.locator(".log .text", { hasText: /^50\d{4}$|^49\d{4}$/ }).first().waitFor();
  const rows = await ada.locator(".log .line").count();
  assert.ok(rows < 100, `${rows} lines in the page`);
  await ada.locator(".log .number").nth(12).click();
  assert.match(ada.url(), /#L\d+$/);
  await lookAt(ada, "log-of-a-million");
});

await step("all pages, and filters at addresses of their own", async () => {
  await ada.goto(at("/runs"));
  await ada.getByLabel("Status").selectOption("failed");
  await ada.waitForURL(/status=failed/);
  await untilCount(ada.locator("tbody tr"), 2);
  await ada.goBack();
  await ada.getByLabel("Pipeline").waitFor();
  await ada.goto(at("/runs"));
  await ada.locator("tbody tr").first().waitFor();
  await lookAt(ada, "runs");
  await ada.goto(at("/pipelines"));
  await ada.getByRole("heading", { name: "many" }).waitFor();
  await lookAt(ada, "pipelines");
  await ada.goto(at("/audit"));
  await press(ada, "Check the log");
  await seen(ada, "nothing was changed");
  await lookAt(ada, "audit");
  await ada.goto(at("/runs/r-nothing"));
  await ada.getByRole("heading", { name: "Nothing here" }).waitFor();
});

await step("a token is made, shown once and ended", async () => {
  await ada.goto(at("/account"));
  await ada.getByLabel("Name").fill("ci");
  await press(ada, "Make the token");
  assert.match(await ada.locator("code.secret").textContent(), /^lst_/);
  await decide(ada, "I have it");
  await lookAt(ada, "account");
  await press(ada, "End token ci");
  await decide(ada, "End it");
  await seen(ada, "ended");
});

for (const [name, work] of Object.entries(TRIGGER_STEPS)) {
  await step(name, () => work(ada, server));
}

// Files, opened by somebody who has not been on the server.
const reader = await person(browser);

await step("a plan is a page in a file", () => planPage(reader, server));

await step("a plan is read by the keyboard alone", () => keyboardOfPlan(reader));

await step("no value leaves its place in the page of a plan", () => nastyPlan(reader, server));

await step("a plan of five thousand cells is a page, too", () => (
  largePlan(reader, server, MOST_ELEMENTS)));

await step("rows of cells are counted as what they are", () => rowsOfPlan(reader, server));

await reader.context().close();

await step("a run is started by the keyboard alone, with the focus seen", async () => {
  await grace.goto(at("/pipelines"));
  await grace.getByRole("heading", { name: "ship" }).waitFor();
  const focus = () => grace.evaluate(() => {
    const it = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(it);
    return { text: it.textContent.trim(), name: it.tagName, value: it.value,
      isSeen: outlineStyle !== "none" && outlineWidth !== "0px" };
  });
  const tabTo = async (fits) => {
    for (let at = 0; at < 80; at += 1) {
      await grace.keyboard.press("Tab");
      const now = await focus();
      assert.ok(now.isSeen || now.name === "BODY", `the focus on ${now.text} is not seen`);
      if (fits(now)) return;
    }
    assert.fail("the keyboard does not get there");
  };
  await tabTo((it) => it.text === "Skip to the content");
  await tabTo((it) => it.name === "A" && it.text === "Start… ship");
  await grace.keyboard.press("Enter");
  await grace.getByRole("heading", { name: "Start ship" }).waitFor();
  await tabTo((it) => it.name === "INPUT" && it.value === "v1");
  await grace.keyboard.press("ControlOrMeta+a");
  await grace.keyboard.type("v4");
  await tabTo((it) => it.name === "BUTTON" && it.text === "Start");
  await grace.keyboard.press("Enter");
  await grace.waitForURL(/\/runs\/r-/);
  await state(grace, "succeeded");
  await tabTo((it) => it.name === "BUTTON" && /catalog/.test(it.text) && /deployed/.test(it.text));
  await grace.keyboard.press("Enter");
  await grace.getByRole("complementary").waitFor();
  await grace.keyboard.press("Escape");
  assert.equal(await grace.getByRole("complementary").count(), 0);
});

await step("signing out, and in again to the page that was asked for", async () => {
  await press(grace, "Sign out");
  await grace.getByRole("heading", { name: "Sign in" }).waitFor();
  await grace.goto(at("/environments"));
  await grace.getByLabel("Name").fill("grace");
  await grace.getByLabel("Password").fill("a wrong password");
  await press(grace, "Sign in");
  await seen(grace, "the name or the password is wrong");
  await grace.getByLabel("Password").fill(PASSWORD);
  await press(grace, "Sign in");
  await grace.getByRole("heading", { name: "Environments" }).waitFor();
});

await browser.close();
await server.stop();
if (complaints.length) {
  console.log(`\n${complaints.length} complaints of pages:`);
  console.log([...new Set(complaints)].slice(0, 40).join("\n"));
}
console.log(failed || complaints.length ? "\nfailed" : "\nall is well");
process.exit(failed || complaints.length ? 1 : 0);
