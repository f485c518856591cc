// Triggers: deliveries as their senders sign them, posted to the server, and what the page then
// shows of them.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { lookAt } from "./browser.mjs";

const hmac = (secret, text) => createHmac("sha256", secret).update(text);

/** Posts a delivery to a trigger of edge.deploy: the bytes that were signed, and no others. */
async function deliver({ url }, trigger, body, headers) {
  const answer = await fetch(`${url}/webhooks/edge.deploy/${trigger}`, {
    method: "POST", body, headers: { "content-type": "application/json", ...headers },
  });
  return { status: answer.status, ...await answer.json() };
}

/** A delivery as GitHub sends it. */
function fromGithub(server, id, payload, secret = server.secret) {
  const body = JSON.stringify(payload);
  return deliver(server, "pushed", body, {
    "x-github-delivery": id,
    "x-github-event": "push",
    "x-hub-signature-256": `sha256=${hmac(secret, body).digest("hex")}`,
  });
}

/** A delivery as Standard Webhooks describe it. */
function standard(server, id, payload, at = Date.now()) {
  const body = JSON.stringify(payload);
  const seconds = Math.floor(at / 1000);
  const signature = hmac(server.secret, `${id}.${seconds}.${body}`).digest("base64");
  return deliver(server, "released", body, {
    "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": `v1,${signature}`,
  });
}

const PUSH = { ref: "refs/heads/main", after: "c0ffee", text: "“ü” and 日本" };

/** What the page shows of a trigger. */
const card = (page, name) => page.getByRole("region", { name: `edge.deploy/${name}`, exact: true });
const deliveries = (page, name) =>
  card(page, name).getByRole("table").getByRole("row").filter({ has: page.getByRole("cell") });
const open = async (page, { url }) => {
  await page.goto(`${url}/triggers`);
  await card(page, "pushed").waitFor();
};

/** Each is a step; they go on where the one before has ended. */
export const TRIGGER_STEPS = {
  async "a signed webhook starts a run, which the pages show with its reason"(page, server) {
    await page.goto(`${server.url}/runs`);
    await page.getByRole("link", { name: "Triggers" }).click();
    await card(page, "pushed").getByText("Nothing has come yet.").waitFor();
    await card(page, "pushed").getByText("Deploys what was pushed to main.").waitFor();
    await card(page, "pushed").getByText(`${server.url}/webhooks/edge.deploy/pushed`).waitFor();
    await card(page, "yearly").getByText(/^\d{4}-01-01 \d\d:\d\d:00$/).waitFor();

    const started = await fromGithub(server, "d-1", PUSH);
    assert.deepEqual([started.status, started.decision], [202, "started"]);
    // The page is not asked for anew: it hears that there is a new run.
    const row = deliveries(page, "pushed").first();
    await row.getByText("started").waitFor();
    await row.getByRole("link", { name: started.run }).click();
    await page.locator("header.of-run .title-row > .state", { hasText: "succeeded" }).waitFor();
    const head = page.locator("header.of-run");
    await head.getByText("by trigger pushed").waitFor();
    await head.getByText("c0ffee").waitFor();
    assert.match(await head.textContent(), /edge\.a and edge\.b/);
    assert.equal(await page.locator(".drawing .chip.deploys.good").count(), 2);
    await page.goto(`${server.url}/runs`);
    const listed = page.getByRole("row").filter({ hasText: started.run });
    await listed.getByText("trigger pushed").waitFor();

    const second = await standard(server, "msg_1", { version: "v8" });
    assert.deepEqual([second.status, second.decision], [202, "started"]);
    await open(page, server);
    await deliveries(page, "released").getByRole("link", { name: second.run }).click();
    await page.locator("header.of-run .title-row > .state", { hasText: "succeeded" }).waitFor();
  },

  async "a delivery that is repeated starts nothing, and the page says so"(page, server) {
    await open(page, server);
    const run = await deliveries(page, "pushed").getByRole("link").textContent();
    // By its sender, and by somebody who has seen it and gives it another id.
    for (const id of ["d-1", "d-2"]) {
      const again = await fromGithub(server, id, PUSH);
      assert.deepEqual([again.status, again.decision, again.run], [200, "doubled", run]);
    }
    const replayed = await standard(server, "msg_1", { version: "v8" });
    assert.deepEqual([replayed.status, replayed.decision], [200, "doubled"]);
    const old = await standard(server, "msg_2", { version: "v9" }, Date.now() - 301_000);
    assert.equal(old.status, 401);
    assert.match(old.detail, /was not signed in the last 300 s/);
    await open(page, server);
    assert.equal(await deliveries(page, "pushed").count(), 1);
    await deliveries(page, "pushed").getByText(/came again 2 times, .*starts nothing/).waitFor();
    assert.equal(await deliveries(page, "released").count(), 1);
    await deliveries(page, "released").getByText(/came again once, .*starts nothing/).waitFor();
    await card(page, "released").getByText("was not signed in the last 300 s").waitFor();
  },

  async "a wrong signature is refused, and what does not fit starts nothing"(page, server) {
    const wrong = await fromGithub(server, "d-3", { ...PUSH, after: "evil" }, "guessed");
    assert.equal(wrong.status, 401);
    assert.match(wrong.detail, /the signature is wrong/);
    await open(page, server);
    await card(page, "pushed").getByText("a delivery was not taken: the signature is wrong")
      .waitFor();
    assert.equal(await deliveries(page, "pushed").count(), 1);
    await lookAt(page, "triggers");
    // One that is genuine again takes the complaint away.
    const other = await fromGithub(server, "d-4", { ...PUSH, ref: "refs/heads/topic" });
    assert.deepEqual([other.status, other.decision], [200, "no-match"]);
    const unfit = await fromGithub(server, "d-5", { ...PUSH, after: 7 });
    // Who sends it learns that it is refused, and nothing of the file.
    assert.deepEqual([unfit.status, unfit.decision, unfit.reason], [200, "refused", undefined]);
    await open(page, server);
    assert.equal(await card(page, "pushed").getByText("the signature is wrong").count(), 0);
    const [refused, missed] = [0, 1].map((at) => deliveries(page, "pushed").nth(at));
    await refused.getByText("refused").waitFor();
    await refused.getByText("note").waitFor();
    await missed.getByText("no match").waitFor();
    await missed.getByText("event.payload.ref").waitFor();
  },

  async "a trigger can be tested: what it would start is shown, and nothing is started"(
    page, server,
  ) {
    await open(page, server);
    await card(page, "pushed").getByRole("button", { name: "Test…" }).click();
    const dialog = page.getByRole("dialog", { name: "Test edge.deploy/pushed" });
    const test = async (text) => {
      await dialog.getByLabel("Payload as JSON").fill(text);
      await dialog.getByRole("button", { name: "Test", exact: true }).click();
    };
    await test(JSON.stringify({ ...PUSH, after: "f00d" }));
    await dialog.getByText("starts").last().waitFor();
    await dialog.getByLabel("Inputs").getByText("f00d").waitFor();
    await dialog.getByText("On edge.a, edge.b").waitFor();
    await lookAt(page, "trigger-test");
    await test(JSON.stringify({ ref: "refs/heads/topic" }));
    await dialog.getByText("no match").waitFor();
    await test(JSON.stringify({ ref: PUSH.ref }));
    await dialog.getByText("refused").waitFor();
    await dialog.locator("pre", { hasText: "edge.deploy:" }).waitFor();
    await test("{");
    await dialog.getByRole("alert").getByText("The payload is not JSON").waitFor();
    await dialog.getByRole("button", { name: "Leave it" }).click();
    assert.equal(await deliveries(page, "pushed").count(), 3);
  },

  async "a trigger from which its permission is taken starts nothing"(page, server) {
    await page.goto(`${server.url}/access`);
    await page.getByRole("button", {
      name: "Take away: trigger * may run on targets *", exact: true,
    }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Take it away" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const refused = await fromGithub(server, "d-6", { ...PUSH, after: "c0de" });
    assert.deepEqual([refused.status, refused.decision], [200, "refused"]);
    await open(page, server);
    await card(page, "pushed").getByText("It may not run on").waitFor();
    await deliveries(page, "pushed").first()
      .getByText("you have not the right `run` on edge.a, edge.b").waitFor();
  },
};
