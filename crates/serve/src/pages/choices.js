// Lists to choose several from: infrastructures by environment, and services.

import { h } from "./dom.js";

/** A box for each infrastructure, and one for each environment that stands for all of its own. */
export function infrastructureTree(pipeline, input, start, touch, isTouched) {
  const chosen = new Set(Array.isArray(start) ? start : []);
  const boxes = new Map();
  const choices = new Set(input.choices || []);
  const environments = pipeline.environments.map((it) => environment(it));
  const element = h("div.tree-of-boxes", environments.map((it) => it.element));

  function environment({ name, infrastructures }) {
    const fitting = infrastructures.filter((it) => choices.has(it.name));
    const open = fitting.filter((it) => it.may_run);
    const whole = h("input", {
      type: "checkbox", disabled: !open.length,
      onchange: () => {
        for (const it of open) boxes.get(it.name).checked = whole.checked;
        sum();
        touch();
      },
    });
    const sum = () => {
      const number = open.filter((it) => boxes.get(it.name).checked).length;
      whole.checked = number > 0 && number === open.length;
      whole.indeterminate = number > 0 && number < open.length;
    };
    const rows = fitting.map((it) => {
      const box = h("input", {
        type: "checkbox", value: it.name, disabled: !it.may_run,
        checked: chosen.has(it.name) && it.may_run,
        onchange: () => {
          sum();
          touch();
        },
      });
      boxes.set(it.name, box);
      return h("li", h("label.check", box, ` ${it.name}`, h("span.dim", ` ${it.kind}`),
        !it.may_run && h("span.why", " you may not run here")));
    });
    sum();
    return {
      element: fitting.length > 0 && h("div", h("label.check.strong", whole, ` ${name}`),
        h("ul.plain", rows)),
    };
  }

  const read = () => {
    // A default that names a place where one may not run is no choice of theirs: say it by sending
    // what is seen.
    const isCut = [...chosen].some((it) => !boxes.has(it) || boxes.get(it).disabled);
    if (!isTouched() && !isCut) return undefined;
    const values = [...boxes].filter(([, box]) => box.checked).map(([name]) => name);
    if (!values.length && input.required) throw new Error("Choose at least one.");
    return values;
  };
  return { isGroup: true, element, read };
}

/** A box for each service. */
export function serviceBoxes(input, start, touch, isTouched) {
  const chosen = new Set(Array.isArray(start) ? start : []);
  const boxes = input.choices.map((it) => h("input", {
    type: "checkbox", value: it, checked: chosen.has(it), onchange: touch,
  }));
  const element = h("ul.plain", boxes.map((box) => (
    h("li", h("label.check", box, ` ${box.value}`)))));
  const read = () => (isTouched() ? boxes.filter((it) => it.checked).map((it) => it.value)
    : undefined);
  return { isGroup: true, element, read };
}
