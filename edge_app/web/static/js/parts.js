// Pieces that several pages are made of.
import { h, fill, toast } from "./dom.js";
import { icon } from "./icons.js";
import { wordsOf } from "./api.js";
import { t } from "./texts.js";

/** A state: shape, colour and words. */
export function badge(state, classes = "") {
  return h("span.badge", { class: `${state.level} ${classes}`.trim(), title: state.hint || null }, icon(state.icon), h("span", {}, state.title));
}

/** A button with an icon; the words may be left to screen readers where the icon says it all. */
export function button(iconName, text, onclick, classes = "", attributes = {}) {
  return h("button.button", { type: "button", class: classes, onclick, ...attributes }, icon(iconName), h("span", {}, text));
}

export function link(iconName, text, href, classes = "", attributes = {}) {
  return h("a.button", { class: classes, href, ...attributes }, icon(iconName), h("span", {}, text));
}

export function loading() {
  return h("div.loading", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }), h("span", {}, t("app.loading")));
}

/** What is shown where nothing is. */
export function empty(iconName, title, hint = "", ...actions) {
  return h("div.empty", {}, icon(iconName, "large"), h("p.empty-title", {}, title), hint && h("p.quiet", {}, hint), ...actions);
}

/** What is shown where something could not be loaded. */
export function failure(error, retry) {
  return h("div.empty", { role: "alert" }, icon("warn", "large"), h("p.empty-title", {}, wordsOf(error)), button("replay", t("app.retry"), retry));
}

/** A labelled field of a form. */
export function field(label, control, hint = "") {
  const id = (control.id ||= `field-${++fields}`);
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div.field", {}, h("label", { for: id }, label), control, hint && h("p.hint", { id: `${id}-hint` }, hint));
}
let fields = 0;

export function select(options, value, onchange, attributes = {}) {
  return h("select", { onchange: (event) => onchange(event.target.value), ...attributes },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
}

/** A password with a button that shows it: gloves make typing hard. */
export function passwordField(label, name, autocomplete, hint = "") {
  const input = h("input", { type: "password", name, autocomplete, required: true, minlength: autocomplete === "new-password" ? 10 : null, maxlength: 200 });
  const reveal = h("button.reveal", { type: "button", "aria-label": t("people.password.show"), "aria-pressed": "false" }, icon("eye"));
  reveal.onclick = () => {
    input.type = input.type === "password" ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(input.type === "text"));
  };
  const row = field(label, input, hint);
  const holder = h("div.with-button", {});
  input.replaceWith(holder);
  holder.append(input, reveal);
  return row;
}

/**
 * A form that sends its values, keeps its button quiet meanwhile and shows what went wrong.
 * @param {(values: object) => Promise} submit
 */
export function form(text, submit, ...rows) {
  const problem = h("p.problem", { role: "alert", hidden: true });
  const send = h("button.button.primary.wide", { type: "submit" }, text);
  const element = h("form.form", {}, ...rows, problem, send);
  element.onsubmit = async (event) => {
    event.preventDefault();
    problem.hidden = true;
    send.disabled = true;
    try {
      await submit(Object.fromEntries(new FormData(element)), element);
    } catch (error) {
      fill(problem, icon("warn"), h("span", {}, error.words ?? wordsOf(error)));
      problem.hidden = false;
    } finally {
      send.disabled = false;
    }
  };
  return element;
}

/** Opens a dialog; it closes by its button, Escape or a tap beside it. */
export function dialog(title, ...children) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const close = h("button.icon-button", { type: "button", "aria-label": t("app.close") }, icon("close"));
  const element = h("dialog", { "aria-labelledby": "dialog-title" }, h("div.dialog-head", {}, heading, close), h("div.dialog-body", {}, ...children));
  close.onclick = () => element.close();
  element.addEventListener("click", (event) => event.target === element && element.close());
  element.addEventListener("close", () => element.remove());
  document.body.append(element);
  element.showModal();
  return element;
}

/** Runs something that a tap asked for: the button is quiet meanwhile, an error is told. */
export async function run(target, action) {
  target.disabled = true;
  try {
    return await action();
  } catch (error) {
    toast(wordsOf(error), { level: "bad" });
    return null;
  } finally {
    target.disabled = false;
  }
}
