// Paths of nodes: `ship/prod/matrix[prod.eu, web]/deploy[web, prod.eu]/place/run`.

/** The parts of a path. A `/` between brackets or in a text does not part it. */
export function parts(path) {
  if (!path.includes("[")) return path.split("/");
  const found = [];
  let depth = 0;
  let isText = false;
  let from = 0;
  for (let at = 0; at < path.length; at += 1) {
    const sign = path[at];
    if (isText) {
      if (sign === "\\") at += 1;
      else if (sign === '"') isText = false;
    } else if (sign === '"' && depth > 0) isText = true;
    else if (sign === "[") depth += 1;
    else if (sign === "]") depth -= 1;
    else if (sign === "/" && depth <= 0) {
      found.push(path.slice(from, at));
      from = at + 1;
    }
  }
  found.push(path.slice(from));
  return found;
}

/** The last part of a path. */
export const last = (path) => parts(path).at(-1);

/** The deployment that a node is in, and the part of it: `place` of `…/deploy[…]/place/run`. */
export function deployment(path) {
  if (!path.includes("/deploy[")) return null;
  const all = parts(path);
  for (let at = all.length - 1; at >= 0; at -= 1) {
    if (all[at].startsWith("deploy[")) {
      return { path: all.slice(0, at + 1).join("/"), inside: all.slice(at + 1) };
    }
  }
  return null;
}

/** What fits a path of a plan that has `*` for what only the run knows. */
export function pattern(path) {
  const quoted = path.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${quoted.replaceAll("*", ".*")}$`);
}

/** A path without the pipeline, which is the same for all of a run. */
export const short = (path) => {
  const all = parts(path);
  return all.length > 1 ? all.slice(1).join("/") : path;
};

/** What people call a node: `web → prod.eu: smoke-test`, `ask/approve`. */
export function people(path) {
  const found = deployment(path);
  if (!found) return short(path);
  const [, names] = /deploy\[(.*)\]/.exec(last(found.path)) || [];
  const [service, target] = (names || "").split(", ");
  const what = target ? `${service} → ${target}` : last(found.path);
  const inside = found.inside.join("/");
  return inside ? `${what}: ${inside}` : what;
}
