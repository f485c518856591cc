// The form of a pipeline's inputs. Only what was changed is sent: the rest has its default, which
// the file may work out.

import { fill, h, newId } from "./dom.js";
import { infrastructureTree, serviceBoxes } from "./choices.js";

const MOST_RADIOS = 4;

export class StartForm {
  /** `query` has values from the address; `changed` is called when one is another. */
  constructor(pipeline, query, changed) {
    this.pipeline = pipeline;
    this.changed = changed;
    this.inputs = pipeline.inputs.map((input) => this.input(input, query.get(`i.${input.name}`)));
    this.fields = (pipeline.fields || []).map((it) => this.settable(it, query.get(`f.${it.path}`)));
    const isSet = this.fields.some((it) => it.value() !== "");
    this.element = h("div.fields",
      this.inputs.length ? this.inputs.map((it) => it.element)
        : h("p.nothing", "This pipeline has no inputs."),
      this.fields.length > 0 && h("details.folded", { open: isSet },
        h("summary", `Fields for this run only (${this.fields.length})`),
        h("p.help", "An empty field is left as the file says."),
        this.fields.map((it) => it.element)));
  }

  settable(it, given) {
    const id = newId("field");
    const box = h("input", {
      id, value: given || "", spellcheck: "false", autocomplete: "off",
      oninput: () => this.changed(),
    });
    return {
      path: it.path,
      value: () => box.value.trim(),
      element: h("div.field.short", h("label", { for: id }, h("code", it.path),
        h("span.dim", ` ${it.type}`)), box),
    };
  }

  input(input, given) {
    const control = this.control(input, given);
    const id = newId("input");
    const help = [input.doc, input.rule && `It must hold: ${input.rule}`,
      !input.required && input.default !== undefined && input.value === undefined &&
        `By default: ${input.default}`].filter(Boolean);
    const error = h("p.error", { id: `${id}-error`, hidden: true });
    const about = `${help.length ? `${id}-help ` : ""}${id}-error`;
    const label = [input.name, h("span.dim", ` ${input.type}`),
      input.required && h("span.needed", " needed")];
    const notes = help.length > 0 && h("div.help", { id: `${id}-help` },
      help.map((it) => h("p", it)));
    let element;
    if (control.isGroup) {
      element = h("fieldset.field", { "aria-describedby": about }, h("legend", label), notes,
        control.element, error);
    } else {
      control.box.id = id;
      control.box.setAttribute("aria-describedby", about);
      element = h("div.field", h("label", { for: id }, label), notes, control.element, error);
    }
    return {
      input, control, element, error,
      say: (text) => {
        error.hidden = !text;
        error.textContent = text || "";
        if (control.box) control.box.setAttribute("aria-invalid", String(Boolean(text)));
      },
    };
  }

  control(input, given) {
    const start = given === null ? input.value : fromText(input, given);
    const isGiven = given !== null;
    let isTouched = isGiven;
    const touch = () => {
      isTouched = true;
      this.changed();
    };
    const whole = (box, read, element = box) => ({
      box, element, read: () => (isTouched ? read() : undefined), text: read,
    });
    const text = (attributes, read) => {
      const box = h("input", {
        spellcheck: "false", autocomplete: "off", required: input.required,
        value: start === undefined || start === null ? "" : String(start), oninput: touch,
        ...attributes,
      });
      return whole(box, () => read(box.value));
    };
    const optional = (value) => (value === "" && input.value === undefined ? undefined : value);
    switch (input.form) {
      case "number":
        return text({ inputmode: "decimal" }, (value) => {
          if (value.trim() === "") return undefined;
          const number = Number(value);
          if (Number.isNaN(number)) throw new Error("This is not a number.");
          return number;
        });
      case "yes-no": {
        const box = h("input", { type: "checkbox", checked: start === true, onchange: touch });
        return whole(box, () => box.checked, h("span.check", box, " yes"));
      }
      case "choice":
        if (input.choices.length <= MOST_RADIOS) {
          return radios(input, start, touch, () => isTouched);
        }
        return this.select(input, input.choices, start, touch, whole);
      case "environment":
      case "service":
        return this.select(input, input.choices, start, touch, whole);
      case "infrastructure":
        return this.select(input, input.choices, start, touch, whole, this.reasons());
      case "infrastructures":
        return infrastructureTree(this.pipeline, input, start, touch, () => isTouched);
      case "services":
        return serviceBoxes(input, start, touch, () => isTouched);
      case "json": {
        const box = h("textarea", {
          rows: "4", spellcheck: "false", oninput: touch,
          value: start === undefined || start === null ? "" : JSON.stringify(start, null, 1),
        });
        return whole(box, () => {
          if (!box.value.trim()) return undefined;
          try {
            return JSON.parse(box.value);
          } catch (error) {
            throw new Error(`This is not JSON: ${error.message}`);
          }
        });
      }
      default:
        return text({}, optional);
    }
  }

  select(input, choices, start, touch, whole, reasons = new Map()) {
    const box = h("select", { onchange: touch, required: input.required },
      (input.required || start === undefined || start === null) &&
        h("option", { value: "" }, input.required ? "choose…" : input.default || "none"),
      choices.map((it) => h("option", {
        value: it, selected: it === start, disabled: reasons.has(it),
      }, reasons.has(it) ? `${it} (${reasons.get(it)})` : it)));
    return whole(box, () => box.value || undefined);
  }

  /** Why an infrastructure cannot be chosen. */
  reasons() {
    const all = this.pipeline.environments.flatMap((it) => it.infrastructures);
    return new Map(all.filter((it) => !it.may_run).map((it) => [it.name, "you may not run here"]));
  }

  /** What is to be sent; nothing where there are mistakes, which are then marked. */
  read() {
    const inputs = {};
    let isRight = true;
    for (const it of this.inputs) {
      it.say("");
      try {
        const value = it.control.read();
        if (value === undefined && it.input.required) throw new Error("This is needed.");
        if (value !== undefined) inputs[it.input.name] = value;
      } catch (error) {
        isRight = false;
        it.say(error.message);
      }
    }
    const set = {};
    for (const it of this.fields) {
      if (it.value() !== "") set[it.path] = it.value();
    }
    return isRight ? { inputs, set } : null;
  }

  focusMistake() {
    const wrong = this.inputs.find((it) => !it.error.hidden);
    const box = wrong && wrong.element.querySelector("input, select, textarea");
    if (box) box.focus();
  }

  /** The values that differ from their defaults, for the address. */
  address() {
    const query = new URLSearchParams();
    for (const it of this.inputs) {
      let value;
      try {
        value = it.control.read();
      } catch {
        continue;
      }
      if (value === undefined) continue;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (text.length <= 500) query.set(`i.${it.input.name}`, text);
    }
    for (const it of this.fields) {
      if (it.value()) query.set(`f.${it.path}`, it.value());
    }
    return String(query) ? `?${query}` : "";
  }
}

function fromText(input, text) {
  if (["text", "choice", "service", "infrastructure", "environment"].includes(input.form)) {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function radios(input, start, touch, isTouched) {
  const name = newId("choice");
  const element = h("div.radios");
  fill(element, input.choices.map((it) => h("label.check", h("input", {
    type: "radio", name, value: it, checked: it === start, onchange: touch,
  }), ` ${it}`)));
  const read = () => {
    const found = element.querySelector("input:checked");
    return isTouched() && found ? found.value : undefined;
  };
  return { isGroup: true, element, read };
}
