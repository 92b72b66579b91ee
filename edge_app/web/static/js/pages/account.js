// Language, brightness, the own password, signing out.
import { post } from "../api.js";
import { h, toast } from "../dom.js";
import { icon } from "../icons.js";
import { button, dialog, form, passwordField, run } from "../parts.js";
import { currentLanguage, LANGUAGES, setLanguage, t } from "../texts.js";
import { applyTheme, currentTheme } from "../theme.js";

/** Two or more buttons of which one is pressed. */
function choice(label, options, current, choose) {
  return h("div.field", { role: "group", "aria-label": label }, h("p.field-label", {}, label),
    h("div.segments", {}, options.map(([key, text, lang]) =>
      h("button.segment", { type: "button", lang, "aria-pressed": String(key === current), onclick: () => choose(key) }, text))));
}

export function openAccount(session, redraw) {
  const box = dialog(t("me.title"),
    h("p.who", {}, icon("person"), h("span", {}, h("strong", {}, session.account.name), h("span.quiet", {}, t(`people.role.${session.account.role}`)))),
    choice(t("me.language"), Object.entries(LANGUAGES).map(([key, text]) => [key, text, key]), currentLanguage(), (key) => {
      setLanguage(key);
      box.close();
      redraw();
    }),
    choice(t("me.theme"), ["dark", "light"].map((key) => [key, t(`me.theme.${key}`)]), currentTheme(), (key) => {
      applyTheme(key);
      box.close();
    }),
    h("details.fold", {}, h("summary", {}, t("me.password"), icon("next", "turn")),
      form(t("app.save"), async (values) => {
        await post("/api/password", values);
        box.close();
        toast(t("people.password.changed"), { level: "ok" });
      }, passwordField(t("people.password.old"), "old_password", "current-password"),
      passwordField(t("people.password.new"), "new_password", "new-password", t("people.password.hint")))),
    button("lock", t("me.sign_out"), (event) => run(event.currentTarget, async () => {
      await post("/api/logout");
      location.assign("/");
    }), "wide"),
    h("p.quiet.small-text", {}, session.software));
}
