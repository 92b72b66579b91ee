// How every part of the box does, and how it did in the last hours.
import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { ago, bytes, clock, dateTime, number, whole } from "../format.js";
import { icon } from "../icons.js";
import { failure, loading } from "../parts.js";
import { plot } from "../plot.js";
import { levelOf, pictureState } from "../states.js";
import { known, nameOf, plural, t } from "../texts.js";

const HISTORY_EVERY_MS = 10_000;
const PLOTS = ["frames_per_second", "latency_ms", "unsent", "temperature"];
const DISK_LOW = 0.05;
const HOT_CELSIUS = 80;

export function showHealth(content, context) {
  const page = new HealthPage(content, context);
  return () => page.close();
}

class HealthPage {
  #controller = new AbortController();
  #hours = 1;
  #samples = [];
  #health = null;

  constructor(content, { stream }) {
    this.stream = stream;
    this.verdict = h("div.verdict", { role: "status" });
    this.tiles = h("div.tiles", {});
    this.plots = h("div.plots", {});
    this.range = h("div.segments", { role: "group", "aria-label": t("health.range") });
    this.tables = h("div.tables", {});
    this.body = h("div.health-body", {}, this.verdict, this.tiles,
      h("div.section-head", {}, h("h2", {}, t("health.plots")), this.range), this.plots, this.tables);
    this.content = content;
    content.append(h("h1", {}, t("health.title")), loading());
    const on = (kind, handler) => stream.addEventListener(kind, handler, { signal: this.#controller.signal });
    on("state", () => this.#showParts());
    on("connection", () => this.#showParts());
    this.#load();
    this.timer = setInterval(() => this.#load(), HISTORY_EVERY_MS);
  }

  close() {
    this.#controller.abort();
    clearInterval(this.timer);
  }

  async #load() {
    try {
      const [health, past, events] = await Promise.all([get("/api/health"), get("/api/health/history"), get("/api/events")]);
      if (this.#controller.signal.aborted) return;
      this.#health = health;
      this.#samples = past.samples;
      if (!this.body.isConnected) this.content.replaceChildren(h("h1", {}, t("health.title")), this.body);
      this.#showParts();
      this.#showPlots();
      this.#showTables(events.events);
    } catch (error) {
      if (!this.#health) fill(this.content, h("h1", {}, t("health.title")), failure(error, () => this.#load()));
    }
  }

  #showParts() {
    const live = this.stream.live ?? this.#health?.live;
    if (!live || !this.#health) return;
    const parts = partsOf(live, this.stream.connected);
    const worst = parts.filter((part) => ["warn", "bad"].includes(part.level));
    const level = worst.some((part) => part.level === "bad") ? "bad" : worst.length ? "warn" : "ok";
    this.verdict.className = `verdict ${level}`;
    fill(this.verdict, icon(level), h("span", {}, worst.length ? plural("health.problems", worst.length) : t("health.all_well")));
    fill(this.tiles, parts.map((part) =>
      h("section.tile", { "data-key": part.key, class: part.level, "aria-label": t(`health.${part.key.split("-")[0]}`) },
        h("p.tile-name", {}, icon(part.level), h("span", {}, t(`health.${part.key.split("-")[0]}`))),
        h("p.tile-value", {}, part.value),
        part.more && h("p.quiet", {}, part.more),
        part.reason && h("p.tile-reason", { lang: "en" }, part.reason))));
  }

  #showPlots() {
    fill(this.range, [1, 3, 6].map((hours) => h("button.segment", { type: "button", "aria-pressed": String(hours === this.#hours),
      onclick: () => { this.#hours = hours; this.#showPlots(); } }, plural("health.hours", hours))));
    const newest = new Date(this.#samples.at(-1)?.at ?? Date.now()).getTime();
    const samples = this.#samples.filter((sample) => newest - new Date(sample.at) <= this.#hours * 3_600_000);
    const shown = PLOTS.filter((key) => key !== "temperature" || samples.some((sample) => sample.temperature !== null));
    fill(this.plots, shown.map((key) => plot(t(`health.plot.${key}`), samples, key)));
  }

  #showTables(events) {
    const { live, models } = this.#health;
    fill(this.tables,
      h("section.card", {}, h("h2.card-title", {}, t("health.events")),
        events.length
          ? h("ul.plain-list.events", { tabindex: "0", "aria-label": t("health.events") }, events.slice(0, 30).map((event) => h("li.event", {}, h("time.quiet", { datetime: event.at }, clock(event.at)), h("span", { lang: "en" }, event.text))))
          : h("p.quiet", {}, t("health.events.none"))),
      h("section.card", {}, h("h2.card-title", {}, t("health.models")),
        h("p.quiet", {}, `${live.software}, ${t("health.since", { time: dateTime(live.started_at) })}`),
        h("div.table-holder", { tabindex: "0", role: "group", "aria-label": t("health.models") },
          h("table", {}, h("thead", {}, h("tr", {}, ["name", "version", "sha256"].map((key) => h("th", { scope: "col" }, t(`health.models.${key}`))))),
            h("tbody", {}, models.map((model) => h("tr", {}, h("td", {}, known(`model.${model.name}`, model.name)), h("td", {}, model.version), h("td", {}, h("code", {}, model.sha256.slice(0, 12))))))))));
  }
}

/** Every part: {key, level, value, more, reason}. */
function partsOf(live, connected) {
  const part = (key, state, more = "", level = levelOf(state.state)) => ({ key, level, value: known(`state.${state.state}`, state.state), more, reason: level === "ok" ? "" : state.reason });
  const { capture, store, controller, disk } = live;
  const picture = pictureState(live, connected);
  const storeLevel = levelOf(store.state) === "ok" && store.refused ? "warn" : levelOf(store.state);
  return [
    part("service", live.service),
    { key: "signal", level: picture.level, value: picture.title, more: picture.level === "ok" ? "" : picture.hint, reason: picture.reason === capture.reason ? "" : picture.reason },
    part("capture", capture, t("health.frames", { frames: whole(capture.frames), dropped: whole(capture.dropped) }), { running: "ok", starting: "info", stopped: "warn" }[capture.state] ?? "bad"),
    ...(live.modules ? [part("modules", live.modules, [live.modules.unavailable.map(nameOf).join(", "), live.modules.skipped ? t("health.skipped", { n: whole(live.modules.skipped) }) : ""].filter(Boolean).join("; "))] : []),
    part("broker", live.broker),
    ...(live.further_brokers ?? []).map((broker) => ({ ...part("broker", broker, broker.name), key: `broker-${broker.name}` })),
    { key: "store", level: storeLevel, value: whole(store.unsent), reason: store.reason,
      more: [t("health.reports", { n: whole(store.reports) }), store.oldest_unsent_at && t("health.oldest", { time: ago(store.oldest_unsent_at) }), store.refused && t("health.refused", { n: whole(store.refused) })].filter(Boolean).join(", ") },
    part("link", live.link, controller ? [controller.firmware, controller.battery !== null && `${number(controller.battery, 3)} V`].filter(Boolean).join(", ") : ""),
    { key: "disk", level: disk && disk.free_bytes < DISK_LOW * disk.total_bytes ? "warn" : disk ? "ok" : "info",
      value: disk ? bytes(disk.free_bytes) : "–", more: disk ? t("health.free", { total: bytes(disk.total_bytes) }) : "" },
    { key: "temperature", level: live.temperature === null ? "info" : live.temperature > HOT_CELSIUS ? "warn" : "ok", value: live.temperature === null ? t("health.no_sensor") : `${number(live.temperature, 3)} °C` },
    { key: "clock", level: live.clock_trusted ? "ok" : "warn", value: clock(live.at), more: t(live.clock_trusted ? "health.clock.ok" : "health.clock.warn") },
  ];
}
