// Requests to the server, and the stream that says when to ask again.

let csrfToken = null;

/** What the server refuses, as problem details (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}`);
    this.status = status;
    this.kind = body.type;
    this.title = body.title || "This did not work";
    this.detail = body.detail;
    this.diagnostics = body.diagnostics || [];
  }
}

async function request(method, path, { body, headers = {}, signal } = {}) {
  const all = { accept: "application/json", ...headers };
  if (body !== undefined) all["content-type"] = "application/json";
  if (method !== "GET" && csrfToken) all["x-csrf-token"] = csrfToken;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: all,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {
      title: "The server does not answer",
      detail: "The server does not answer. This page asks again by itself.",
    });
  }
  const isJson = (response.headers.get("content-type") || "").includes("json");
  const found = isJson ? await response.json() : await response.text();
  if (response.ok) return { data: found, tag: response.headers.get("etag"), response };
  if (response.status === 401 && path !== "/session") {
    document.dispatchEvent(new CustomEvent("signed-out"));
  }
  throw new Problem(response.status, isJson ? found : { title: found });
}

/** Asks for something. The browser sends the tag of what it has already by itself. */
export async function get(path, signal) {
  return (await request("GET", path, { signal })).data;
}

/** Sends something that changes something. */
export async function send(method, path, body, headers) {
  return (await request(method, path, { body, headers })).data;
}

/** Who is signed in; `null` for nobody. */
export async function session() {
  try {
    const { data } = await request("GET", "/session");
    csrfToken = data.csrf_token || null;
    return data;
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

/** A part of an address: everything but what needs no sign. */
export const part = (text) => encodeURIComponent(text);

/** A key with which the same start, sent twice, starts once. */
export function newKey() {
  // `randomUUID` is only there by TLS.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((it) => it.toString(16).padStart(2, "0")).join("");
}

/**
 * Opens a stream while the page is seen: a browser opens six connections to a server, and pages
 * that nobody looks at would use them up. `listen` adds what is to be heard, `address` says where
 * to go on.
 */
export function stream(address, listen, signal) {
  let source = null;
  let over = false;
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const open = () => {
    if (source || over || signal.aborted || document.hidden) return;
    source = new EventSource(address());
    listen(source, () => {
      over = true;
      close();
    });
    source.addEventListener("error", () => {
      // A browser gives up where the server has answered with an error: try again later.
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 3000);
      }
    });
  };
  const seen = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", seen, { signal });
  window.addEventListener("pagehide", close, { signal });
  window.addEventListener("pageshow", open, { signal });
  signal.addEventListener("abort", close);
  open();
}

const listeners = new Set();
let shared = null;

/** One stream says for all parts of a page that something has changed. */
function hearChanges(listener) {
  listeners.add(listener);
  if (shared) return;
  shared = new AbortController();
  let isFirst = true;
  const tell = () => listeners.forEach((it) => it());
  stream(() => "/api/v1/events", (source) => {
    source.addEventListener("changed", tell);
    // What has changed while there was no stream is not known.
    source.addEventListener("open", () => {
      if (!isFirst) tell();
      isFirst = false;
    });
  }, shared.signal);
}

/** Ends the stream: nobody is signed in any more. */
export function hearNothing() {
  if (shared) shared.abort();
  shared = null;
  listeners.clear();
}

/** Calls `load` whenever something has changed, at most once a second. */
export function whenChanged(load, signal) {
  let timer = null;
  let isBusy = false;
  let again = false;
  const work = async () => {
    timer = null;
    if (isBusy) {
      again = true;
      return;
    }
    isBusy = true;
    try {
      await load();
    } catch (error) {
      // The page keeps what it shows until the server answers again.
      if (error.name !== "AbortError" && !(error instanceof Problem)) throw error;
    } finally {
      isBusy = false;
    }
    if (again) {
      again = false;
      ask();
    }
  };
  const ask = () => {
    if (!timer && !signal.aborted) timer = setTimeout(work, 700);
  };
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    listeners.delete(ask);
  });
  hearChanges(ask);
  return ask;
}
