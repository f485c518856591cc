// Lines of a log: colours become classes, other control sequences are left out.

import { h } from "./dom.js";

/** Nobody reads more of a line; it would make the page slow. */
const MOST = 2000;
const TONES = { 31: "bad", 32: "good", 33: "warn", 34: "note", 35: "note", 36: "note", 91: "bad",
  92: "good", 93: "warn", 94: "note", 95: "note", 96: "note", 90: "dim" };
// eslint-disable-next-line no-control-regex
const SEQUENCE =
  /\u001b\[([0-9;?]*)([A-Za-z])|\u001b\][^\u0007]*\u0007|[\u0000-\u0008\u000b-\u001f]/g;

/** The pieces of a line as elements and texts. */
export function pieces(line) {
  let text = line;
  let rest = "";
  if (text.length > MOST) {
    rest = ` … (${(text.length - MOST).toLocaleString("en")} more characters)`;
    text = text.slice(0, MOST);
  }
  const found = [];
  let classes = new Set();
  let from = 0;
  const put = (piece) => {
    if (!piece) return;
    found.push(classes.size ? h("span", { class: [...classes].join(" ") }, piece) : piece);
  };
  for (const match of text.matchAll(SEQUENCE)) {
    put(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") classes = shown(classes, match[1]);
  }
  put(text.slice(from));
  if (rest) found.push(h("span.dim", rest));
  return found;
}

function shown(before, codes) {
  const classes = new Set(before);
  for (const code of codes.split(";")) {
    const number = Number(code || 0);
    if (number === 0) classes.clear();
    else if (number === 1) classes.add("strong");
    else if (number === 2) classes.add("dim");
    else if (TONES[number]) {
      Object.values(TONES).forEach((it) => classes.delete(it));
      classes.add(TONES[number]);
    } else if (number === 39) Object.values(TONES).forEach((it) => classes.delete(it));
  }
  return classes;
}
