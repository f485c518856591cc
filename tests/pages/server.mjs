// Starts the real server on a copy of examples/shop, with a file of the tests' own.

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What those who send webhooks share with the server. */
const SECRET = "s3cret of the hooks";

const here = dirname(fileURLToPath(import.meta.url));

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/**
 * Starts it and waits for its one-time link. `LOCKSTEP` is the program. `LOCKSTEP_LISTEN` and
 * `LOCKSTEP_URL` are for those who develop pages, and serve them from another address.
 */
export async function startServer() {
  const program = process.env.LOCKSTEP || join(here, "../../target/debug/lockstep");
  const folder = mkdtempSync(join(tmpdir(), "lockstep-pages-"));
  cpSync(join(here, "../../examples/shop"), folder, { recursive: true });
  cpSync(join(here, "edge.deploy"), join(folder, "edge.deploy"));
  writeFileSync(join(folder, "hook.txt"), `${SECRET}\n`);
  const listen = process.env.LOCKSTEP_LISTEN || `127.0.0.1:${await freePort()}`;
  const url = process.env.LOCKSTEP_URL || `http://${listen}`;
  const child = spawn(program, ["serve", "--listen", listen, "--url", url], {
    cwd: folder, stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const link = await new Promise((done, fail) => {
    const hear = (data) => {
      output += data;
      const found = /http\S+\/invitation#\S+/.exec(output);
      if (found) done(found[0]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", fail);
    child.on("exit", () => fail(new Error(`the server has ended:\n${output}`)));
    setTimeout(() => fail(new Error(`the server says no link:\n${output}`)), 30_000).unref();
  });
  const stop = async () => {
    child.removeAllListeners("exit");
    const ended = new Promise((done) => child.on("exit", done));
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, link, folder, program, secret: SECRET, stop };
}

/** Starts a run without the server and kills what drives it, so that it is stopped. */
export async function stoppedRun({ folder, program }, file, pipeline) {
  const child = spawn(program, ["run", file, pipeline], {
    cwd: folder, stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise((done) => child.on("exit", done));
  await new Promise((done) => {
    child.stdout.on("data", (data) => {
      if (/sleep/.test(data)) done();
    });
  });
  child.kill("SIGKILL");
  await ended;
}
