// What stands around every page: where to go, whether the picture is live, whether everything is sent.
import { h, fill } from "./dom.js";
import { icon } from "./icons.js";
import { openAccount } from "./pages/account.js";
import { badge } from "./parts.js";
import { pictureState, sentState } from "./states.js";
import { t } from "./texts.js";

const PLACES = [
  ["live", "/live", "live"],
  ["history", "/history", "history"],
  ["health", "/health", "health"],
  ["settings", "/settings", "settings", "technician"],
  ["people", "/people", "people", "technician"],
];

/** Header, navigation and banner; `open` gives the room for a page. */
export class Shell {
  constructor({ session, stream, redraw }) {
    this.session = session;
    this.stream = stream;
    this.wasLost = false;
    this.redraw = redraw;
    this.navigation = h("nav.nav", { "aria-label": t("app.menu") });
    this.states = h("div.header-states", { role: "status" });
    this.banner = h("div.banner", { role: "alert", hidden: true });
    this.content = h("main.content", { id: "content", tabindex: "-1" });
    const account = h("button.icon-button.account", { type: "button", "aria-label": t("nav.me", { name: session.account.name }), onclick: () => openAccount(session, redraw) },
      icon("person"), h("span.account-name", {}, session.account.name));
    this.element = h("div.shell", {},
      h("a.skip", { href: "#content", onclick: (event) => { event.preventDefault(); this.content.focus(); } }, t("app.skip")),
      h("header.header", {},
        h("p.device", {}, session.device_id ?? "edge-cad"),
        this.states,
        h("p.disclaimer", {}, t("app.disclaimer")),
        account),
      this.navigation, this.banner, this.content);
    stream.addEventListener("state", () => this.#showStates());
    stream.addEventListener("connection", () => this.#showStates());
    this.#showStates();
  }

  /** The room for a page, empty. */
  open(name, path) {
    this.name = name;
    fill(this.navigation, PLACES.filter(([, , , role]) => !role || role === this.session.account.role).map(([key, href, iconName]) =>
      h("a.nav-item", { href, "aria-current": key === name ? "page" : null }, icon(iconName), h("span", {}, t(`nav.${key}`)))));
    document.title = `${name ? t(`nav.${name}`) : "edge-cad"} · ${this.session.device_id ?? "edge-cad"}`;
    this.content.replaceChildren();
    this.content.className = `content page-${name || "none"}${path.startsWith("/history/") ? " page-report" : ""}`;
    return this.content;
  }

  #showStates() {
    const { live, connected } = this.stream;
    const lost = connected === false;
    this.wasLost ||= lost;
    document.body.classList.toggle("lost", lost);
    fill(this.states, badge(pictureState(live, connected), "picture-state"), badge(sentState(live, connected), "sent-state"));
    this.banner.hidden = !lost;
    if (lost) fill(this.banner, icon("bad"), h("div", {}, h("strong", {}, t("lost.title")), h("span", {}, t("lost.hint"))));
  }
}
