// Signing in, and the very first account.
import { setUp, signIn } from "../api.js";
import { h } from "../dom.js";
import { field, form, passwordField } from "../parts.js";
import { currentLanguage, LANGUAGES, setLanguage, t } from "../texts.js";

function frame(title, ...children) {
  const languages = Object.entries(LANGUAGES).map(([key, text]) =>
    h("button.segment", { type: "button", lang: key, "aria-pressed": String(key === currentLanguage()), onclick: () => { setLanguage(key); location.reload(); } }, text));
  return h("main.alone", {},
    h("div.alone-card", {},
      h("p.brand", {}, h("img", { src: "/static/favicon.svg", alt: "", width: 40, height: 40 }), h("span", {}, "edge-cad")),
      h("h1", {}, title), ...children, h("div.segments", { role: "group", "aria-label": t("me.language") }, languages)),
    h("p.disclaimer", {}, t("app.disclaimer")));
}

const nameInput = () => h("input", { name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, maxlength: 32 });

export function showSignIn(enter, session, notice = "") {
  return frame(t("in.title"),
    session.device_id && h("p.quiet", {}, session.device_id),
    notice && h("p.note", { role: "status" }, notice),
    form(t("in.submit"), async ({ name, password }) => {
      try {
        enter(await signIn(name.trim(), password));
      } catch (error) {
        if (error.status === 401) error.words = t("in.wrong");
        throw error;
      }
    }, field(t("people.name"), nameInput()), passwordField(t("people.password"), "password", "current-password")));
}

export function showFirstStart(enter) {
  const code = h("input", { name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: 16,
    value: new URLSearchParams(location.hash.slice(1)).get("setup") ?? "" }); // as the demo opens the page
  return frame(t("first.title"),
    h("p.quiet", {}, t("first.hint")),
    form(t("first.submit"), async (values) => enter(await setUp(values.code.trim(), values.name.trim(), values.password)),
      field(t("first.code"), code, t("first.code.hint")),
      field(t("people.name"), nameInput(), t("people.name.hint")),
      passwordField(t("people.password"), "password", "new-password", t("people.password.hint"))));
}
