// The page of a plan: the drawing, and beside it what is planned of the part that is selected.

import { fill, h } from "./dom.js";
import { planDrawing } from "./plan-part.js";

const outline = JSON.parse(document.getElementById("plan").textContent);

fill(document.getElementById("drawing"), outline.items.length
  ? [h("div.title-row", h("h2", "What would happen"),
    h("p.legend.dim", "To the right: one after the other. Downwards: at the same time.")),
    planDrawing(outline)]
  : h("p.dim", "nothing to do"));
