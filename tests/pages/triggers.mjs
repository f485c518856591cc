// The page of triggers. Its API is answered here, so that the page is tested in all that it shows.

import assert from "node:assert/strict";
import { lookAt } from "./browser.mjs";

const TRIGGERS = [
  {
    id: "shop.deploy/nightly", pipeline: "shop.deploy/ship", kind: "schedule", may_run: true,
    text: "trigger nightly on schedule \"0 3 * * *\" {\n  start ship\n}",
    next_at: "2030-01-01T03:00:00Z",
    deliveries: [
      { at: "2026-01-01T03:00:00Z", decision: "started", reason: "", run: "r-000001" },
      { at: "2026-01-02T03:00:00Z", decision: "refused", reason: "it may not run on prod.us" },
    ],
  },
  {
    id: "shop.deploy/pushed", pipeline: "shop.deploy/ship", kind: "webhook", may_run: false,
    text: "trigger pushed on webhook { start ship }",
    webhook_url: "https://deploy.example/hooks/shop.deploy/pushed", deliveries: [],
  },
];

export async function triggersPage(page, url) {
  const json = (body) => ({ contentType: "application/json", body: JSON.stringify(body) });
  await page.route("**/api/v1/triggers", (route) => route.fulfill(json(TRIGGERS)));
  await page.route("**/api/v1/triggers/*/test", (route) => route.fulfill(json({
    decision: "started", reason: "the payload fits", pipeline: "shop.deploy/ship",
    inputs: { version: "v9" }, targets: ["prod.eu"],
  })));
  await page.goto(`${url}/runs`);
  await page.getByRole("link", { name: "Triggers" }).click();
  await page.getByText("it may not run on prod.us").waitFor();
  await lookAt(page, "triggers");
  await page.getByRole("region", { name: "shop.deploy/pushed" })
    .getByRole("button", { name: "Test…" }).click();
  await page.getByLabel("Payload as JSON").fill("{ \"ref\": \"main\" }");
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await page.getByText("the payload fits").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 1);
  await page.getByRole("button", { name: "Leave it" }).click();
  await page.unrouteAll({ behavior: "wait" });
}
