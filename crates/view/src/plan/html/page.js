// The page of a plan: the drawing, and beside it what is planned of the part that is selected.

import { fill, h } from "./dom.js";
import { Drawing } from "./drawing.js";
import { PlanPart } from "./plan-part.js";

const outline = JSON.parse(document.getElementById("plan").textContent);
let drawing = null;

function select(path) {
  const item = path ? drawing.find(path) : null;
  drawing.select(item ? path : null);
  part.show(item);
}

const part = new PlanPart(select);
drawing = new Drawing(outline, null, { label: "Drawing of the plan", onSelect: select });
fill(document.getElementById("drawing"), outline.items.length
  ? [h("p.legend.dim", "To the right: one after the other. Downwards: at the same time."),
    h("div.with-inspector", drawing.element, part.element)]
  : h("p.dim", "nothing to do"));
