// Builds elements. Data becomes text nodes and attributes only, so that none of it is ever markup.

/** Makes an element: `h("p.note", { id: "x", onclick }, "text", child, [more])`. */
export function h(what, ...rest) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  const first = rest[0];
  const isPlain = first && first.constructor === Object;
  if (isPlain) {
    rest.shift();
    for (const [name, value] of Object.entries(first)) set(element, name, value);
  }
  add(element, rest);
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) {
    element.addEventListener(name.slice(2), value);
  } else if (name === "class") {
    element.className = `${element.className} ${value}`.trim();
  } else if (name === "value" || name === "checked" || name === "indeterminate") {
    element[name] = value;
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Adds children; what is nothing (`null`, `false`, `""`) is left out. */
export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces what is in an element, and keeps the focus on what has the same `data-key` or id. */
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const key = focused && (focused.dataset.key || focused.id);
  const opened = new Set(
    [...element.querySelectorAll("details[open][data-key]")].map((it) => it.dataset.key),
  );
  element.replaceChildren();
  add(element, children);
  for (const it of element.querySelectorAll("details[data-key]")) {
    if (opened.has(it.dataset.key)) it.open = true;
  }
  if (!key) return element;
  const same = [...element.querySelectorAll("[data-key], [id]")];
  const again = same.find((it) => it.dataset.key === key || it.id === key);
  if (again) again.focus({ preventScroll: true });
  return element;
}

/** Says something to those who do not see the page change. */
export function say(text) {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}

let numbers = 0;

/** An id that no other element has. */
export function newId(word) {
  numbers += 1;
  return `${word}-${numbers}`;
}

/** Calls `work` once in the next frame, however often it is asked for. */
export function eachFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}
