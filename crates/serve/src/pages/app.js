// The frame around the pages: which address shows which page, who is signed in, where one can go.

import { Problem, get, hearNothing, send, session, whenChanged } from "./api.js";
import { fill, h, say } from "./dom.js";
import { nothing, problemBox } from "./parts.js";

const main = document.getElementById("main");
const top = document.getElementById("top");

const ROUTES = [
  [/^\/(?:runs)?$/, () => import("./runs.js")],
  [/^\/runs\/([^/]+)(?:\/(console|ledger|time-line|outcome))?$/, () => import("./run.js")],
  [/^\/pipelines$/, () => import("./pipelines.js")],
  [/^\/pipelines\/([^/]+)$/, () => import("./start.js")],
  [/^\/environments$/, () => import("./environments.js")],
  [/^\/approvals$/, () => import("./approvals.js")],
  [/^\/locks$/, () => import("./locks.js")],
  [/^\/triggers$/, () => import("./triggers.js")],
  [/^\/access$/, () => import("./access.js")],
  [/^\/audit$/, () => import("./audit.js")],
  [/^\/account$/, () => import("./account.js")],
  [/^\/sign-in$/, () => import("./sign-in.js")],
  [/^\/invitation$/, () => import("./invitation.js")],
];

/** Pages that need nobody to be signed in. */
const OPEN = ["/sign-in", "/invitation"];

let user;
let leave = null;
let hasTriggers = false;
let asked = 0;
let forFrame = null;
let shown = "";

/** Goes to a page. */
export function go(address, { replace } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  return show();
}

/** Changes the address of the page that is shown. */
export function keepAddress(address) {
  history.replaceState(null, "", address);
  shown = location.pathname + location.search;
}

async function show() {
  if (leave) leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  shown = location.pathname + location.search;
  const path = location.pathname.replace(/(.)\/$/, "$1");
  const route = ROUTES.find(([pattern]) => pattern.test(path));
  try {
    if (user === undefined) user = await session();
    if (!user && !OPEN.includes(path)) {
      const back = encodeURIComponent(path + location.search + location.hash);
      return go(`/sign-in?back=${back}`, { replace: true });
    }
    frame(path);
    if (!route) {
      title("Nothing here");
      fill(main, h("h1", "Nothing here"),
        nothing("There is no page at this address. Choose one above."));
      return undefined;
    }
    const params = route[0].exec(path).slice(1).map((it) => it && decodeURIComponent(it));
    const page = await route[1]();
    if (signal.aborted) return undefined;
    const holder = h("div.page");
    const query = new URLSearchParams(location.search);
    await page.show({ main: holder, params, query, signal, user, title, go, keepAddress });
    if (signal.aborted) return undefined;
    main.replaceChildren(holder);
    atTop(holder);
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return undefined;
    if (error instanceof Problem && error.status === 401) return signedOut();
    title("A problem");
    fill(main, h("h1", error.status === 404 ? "Nothing here" : "A problem"), problemBox(error));
  }
  return undefined;
}

/** Who reads the page by ear begins at its heading, as on a page that was loaded. */
function atTop(holder) {
  asked += 1;
  if (!location.hash) scrollTo(0, 0);
  const heading = holder.querySelector("h1");
  if (!heading || asked === 1) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function title(text) {
  document.title = `${text} · Lockstep`;
}

function signedOut() {
  user = null;
  return show();
}

document.addEventListener("signed-out", () => {
  if (user) signedOut();
});

document.addEventListener("click", (event) => {
  const found = event.target.closest && event.target.closest("a[href]");
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (!found || !isPlain || event.defaultPrevented || found.target || found.download) return;
  const to = new URL(found.href);
  if (to.origin !== location.origin || to.pathname.startsWith("/api/")) return;
  const isHere = to.pathname === location.pathname && to.search === location.search;
  if (isHere && to.hash) return;
  event.preventDefault();
  go(to.pathname + to.search + to.hash);
});

window.addEventListener("popstate", () => {
  // A browser also says so where only the part behind `#` is another.
  if (shown !== location.pathname + location.search) show();
});

/** Signs in anew, or out: another user has other pages. */
document.addEventListener("user-changed", () => {
  user = undefined;
  if (forFrame) forFrame.abort();
  forFrame = null;
  questions = 0;
  hearNothing();
});

function frame(path) {
  if (!user) {
    fill(top, h("div.bar", h("span.name", "Lockstep")));
    return;
  }
  const pages = [
    ["/runs", "Runs"], ["/pipelines", "Pipelines"], ["/environments", "Environments"],
    ["/approvals", "Approvals"], ["/locks", "Locks"],
    hasTriggers && ["/triggers", "Triggers"],
    user.is_admin && ["/access", "Access"], user.is_admin && ["/audit", "Audit"],
  ].filter(Boolean);
  const here = path === "/" ? "/runs" : `/${path.split("/")[1]}`;
  const item = ([address, text]) => h("li", h("a", {
    href: address,
    "data-key": address,
    "aria-current": address === here ? "page" : null,
  }, text, address === "/approvals" && h("span.number", { id: "open-questions" })));
  fill(top, h("div.bar",
    h("a.name", { href: "/runs" }, "Lockstep"),
    h("nav", { "aria-label": "Pages" }, h("ul", pages.map(item))),
    h("div.who", h("a", {
      href: "/account",
      "aria-current": here === "/account" ? "page" : null,
      title: "Your account",
    }, user.name), h("button.quiet", { type: "button", onclick: signOut }, "Sign out"))));
  watch();
  showQuestions();
}

let questions = 0;

/** How many questions wait for this user; everywhere, since a run stands still until then. */
function watch() {
  if (forFrame) return;
  forFrame = new AbortController();
  const load = async () => {
    const all = await get("/questions", forFrame.signal);
    const mine = all.filter((it) => it.may_answer).length;
    if (mine > questions) say(`${mine} open for you under Approvals`);
    questions = mine;
    showQuestions();
  };
  load().catch(() => {});
  whenChanged(load, forFrame.signal);
  get("/triggers", forFrame.signal).then(() => {
    hasTriggers = true;
    frame(location.pathname);
  }, () => {});
}

function showQuestions() {
  const place = document.getElementById("open-questions");
  if (!place) return;
  place.replaceChildren();
  if (questions) place.append(String(questions), h("span.unseen", " open for you"));
}

async function signOut() {
  try {
    await send("DELETE", "/session");
  } catch (problem) {
    say(problem.message);
  }
  document.dispatchEvent(new CustomEvent("user-changed"));
  say("Signed out");
  go("/sign-in");
}

show();
