// Accounts and their roles. For technicians.
import { get, post, put, remove } from "../api.js";
import { fill, h, toast } from "../dom.js";
import { ago, dateTime } from "../format.js";
import { icon } from "../icons.js";
import { button, dialog, failure, field, form, loading, passwordField, run } from "../parts.js";
import { t } from "../texts.js";

const ROLES = ["operator", "technician"];

export function showPeople(content, { session }) {
  const list = h("div.people-list", {}, loading());
  const load = async () => {
    try {
      const { accounts } = await get("/api/accounts");
      fill(list, h("ul.people", {}, accounts.map((account) => row(account, session, load))));
    } catch (error) {
      fill(list, failure(error, load));
    }
  };
  content.append(
    h("div.page-head", {}, h("h1", {}, t("people.title")), button("people", t("people.add"), () => addPerson(load), "primary")), list);
  load();
}

function row(account, session, load) {
  const other = ROLES.find((role) => role !== account.role);
  const self = account.name === session.account.name;
  return h("li.person", { "data-key": account.name },
    h("span.person-icon", {}, icon("person")),
    h("div.person-text", {},
      h("p.person-name", {}, h("strong", {}, account.name), h("span.tag", { class: account.role }, t(`people.role.${account.role}`)), self && h("span.tag", {}, t("people.you"))),
      h("p.quiet", {}, t("people.created", { time: dateTime(account.created_at) }), " · ",
        account.last_login_at ? t("people.last_login", { time: ago(account.last_login_at) }) : t("people.never"))),
    !self && h("div.person-actions", {},
      button("settings", t("people.make", { role: t(`people.role.${other}`) }), (event) => run(event.currentTarget, async () => {
        await put(`/api/accounts/${account.name}`, { role: other });
        toast(t("people.changed", { name: account.name }), { level: "ok" });
        await load();
      }), "small"),
      button("lock", t("people.password.reset"), () => newPassword(account), "small"),
      button("trash", t("people.delete"), () => confirmRemoval(account, load), "small danger")));
}

function addPerson(load) {
  const name = h("input", { name: "name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true, maxlength: 32, pattern: "[a-z][a-z0-9._\\-]{0,31}", title: t("people.name.hint") });
  const roles = h("div.options", { role: "radiogroup", "aria-label": t("people.role") }, ROLES.map((role, index) =>
    h("label.option", {}, h("input", { type: "radio", name: "role", value: role, checked: index === 0 }), h("span", {}, t(`people.role.${role}`)), h("span.quiet", {}, t(`people.role.${role}.hint`)))));
  const box = dialog(t("people.add"), form(t("people.add"), async (values) => {
    await post("/api/accounts", values);
    box.close();
    toast(t("people.added", { name: values.name }), { level: "ok" });
    await load();
  }, field(t("people.name"), name, t("people.name.hint")), passwordField(t("people.password"), "password", "new-password", t("people.password.hint")), roles));
}

function newPassword(account) {
  const box = dialog(`${t("people.password.reset")}: ${account.name}`, form(t("app.save"), async (values) => {
    await put(`/api/accounts/${account.name}`, values);
    box.close();
    toast(t("people.changed", { name: account.name }), { level: "ok" });
  }, passwordField(t("people.password.new"), "password", "new-password", t("people.password.hint"))));
}

function confirmRemoval(account, load) {
  const box = dialog(t("people.delete"), h("p", {}, t("people.delete.sure", { name: account.name })),
    h("div.dialog-actions", {},
      button("close", t("app.cancel"), () => box.close()),
      button("trash", t("people.delete"), (event) => run(event.currentTarget, async () => {
        await remove(`/api/accounts/${account.name}`);
        box.close();
        toast(t("people.removed", { name: account.name }), { level: "ok" });
        await load();
      }), "danger")));
}
