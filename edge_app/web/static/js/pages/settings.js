// The configuration, to be read; and tests of what it connects to. For technicians.
import { get, post } from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { button, empty, failure, field, loading, run } from "../parts.js";
import { t } from "../texts.js";

const TESTS = [["message", "send"], ["lamp", "lamp"], ["picture", "camera"]];

export function showSettings(content) {
  const body = h("div.settings-body", {}, loading());
  const list = h("div.settings-list", {});
  const wanted = { text: "", changed: false };
  content.append(h("h1", {}, t("set.title")), body);

  const load = async () => {
    fill(body, loading());
    try {
      const { sections } = await get("/api/config");
      const search = h("input", { type: "search", autocomplete: "off", oninput: (event) => { wanted.text = event.target.value.trim().toLowerCase(); show(sections); } });
      const changed = h("button.chip", { type: "button", "aria-pressed": "false" }, icon("edit"), h("span", {}, t("set.only_changed")));
      changed.onclick = () => {
        wanted.changed = !wanted.changed;
        changed.setAttribute("aria-pressed", String(wanted.changed));
        show(sections);
      };
      body.replaceChildren(tests(), h("p.note", {}, icon("info"), h("span", {}, t("set.read_only"))),
        h("div.filters", { role: "search" }, field(t("set.search"), search), changed), list);
      show(sections);
    } catch (error) {
      fill(body, failure(error, load));
    }
  };

  const fits = (section, entry) => (!wanted.changed || entry.changed)
    && `${section.name}.${entry.key} ${entry.meaning} ${entry.value}`.toLowerCase().includes(wanted.text);

  const show = (sections) => {
    const shown = sections.map((section) => ({ ...section, keys: section.keys.filter((entry) => fits(section, entry)) })).filter((section) => section.keys.length);
    fill(list, shown.length ? shown.map(sectionCard) : empty("search", t("set.none")));
  };
  load();
}

function sectionCard(section) {
  return h("section.card", { "data-key": section.name },
    h("h2.card-title", {}, h("code", {}, `[${section.name}]`)), section.meaning && h("p.quiet", { lang: "en" }, section.meaning),
    h("dl.settings", {}, section.keys.map((entry) => h("div.setting", { "data-key": entry.key },
      h("dt", {}, h("code", {}, entry.key), entry.changed && h("span.tag", {}, t("set.changed"))),
      h("dd.setting-value", {}, h("span", {}, valueOf(entry.value)), entry.changed && h("span.quiet", {}, t("set.default", { value: valueOf(entry.default) }))),
      h("dd.setting-meaning", { lang: "en" }, entry.meaning)))));
}

function valueOf(value) {
  if (value === null || value === undefined) return t("set.not_set");
  if (value === true || value === false) return t(value ? "set.yes" : "set.no");
  if (value === "" || (Array.isArray(value) && !value.length)) return t("set.empty");
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function tests() {
  return h("section.card", {}, h("h2.card-title", {}, t("set.tests")), h("div.tests", {}, TESTS.map(([name, iconName]) => {
    const result = h("div.test-result", { role: "status" });
    const tell = (level, title, text) => fill(result, h("p.note", { class: level }, icon(level), h("span", {}, h("strong", {}, title), " ", h("span", { lang: "en" }, text))));
    const start = button(iconName, t(`set.test.${name}`), () => run(start, async () => {
      fill(result, h("p.note", {}, h("span.spinner", { "aria-hidden": "true" }), h("span", {}, t("set.test.running"))));
      try {
        const { done, text } = await post(`/api/tests/${name}`);
        tell(done ? "ok" : "bad", t(done ? "set.test.done" : "set.test.failed"), text);
        if (done && name === "picture") result.append(h("img.test-picture", { src: `/api/live.jpg?n=${Date.now()}`, alt: t("set.test.shot") }));
      } catch (error) {
        tell("bad", t("set.test.failed"), error.message);
      }
    }), "wide");
    return h("div.test", {}, start, result);
  })));
}
