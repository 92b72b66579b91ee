// One report: its picture with overlays, every module's entry, opinions, the JSON, replay, printing.
import { get, post, whenMade } from "../api.js";
import { fill, h } from "../dom.js";
import { allScores, categoryCard, chooseCategory, measurementsCard, modulesCard } from "../findings.js";
import { dateTime, number } from "../format.js";
import { icon } from "../icons.js";
import { layersOf, switches } from "../overlays.js";
import { badge, button, empty, failure, link, loading, run } from "../parts.js";
import { choice, Stage } from "../stage.js";
import { deliveryState } from "../states.js";
import { known, nameOf, t } from "../texts.js";

const REPLAY_TIMEOUT_MS = 130_000;

export function showReport(content, context) {
  const page = new ReportPage(content, context);
  return () => page.close();
}

class ReportPage {
  #controller = new AbortController();

  constructor(content, { parameters: [reportId], stream, opinions, go }) {
    Object.assign(this, { content, reportId, stream, opinions, go });
    const on = (target, kind, handler) => target.addEventListener(kind, handler, { signal: this.#controller.signal });
    on(opinions, "change", ({ detail }) => detail === reportId && this.#load());
    on(stream, "opinion", ({ detail }) => detail.report_id === reportId && this.#load());
    on(choice, "change", () => this.view && this.#showLayers());
    content.append(loading());
    this.#load();
  }

  close() {
    this.#controller.abort();
    this.stage?.close();
  }

  async #load() {
    try {
      this.view = await get(`/api/reports/${this.reportId}`);
    } catch (error) {
      return fill(this.content, h("h1.visually-hidden", {}, t("rep.title")), failure(error, () => this.#load()), link("back", t("rep.back"), "/history"));
    }
    if (this.#controller.signal.aborted) return;
    this.opinions.learn(this.view);
    if (!this.stage) this.#build();
    this.#showPanel();
  }

  #build() {
    const { report, picture, picture_missing: missing } = this.view;
    this.stage = new Stage(picture && h("img.video", { src: picture.url, alt: t("live.picture") }),
      !picture && h("div.stage-message", {}, icon("picture", "huge"), h("p.message-title", {}, t("rep.no_picture")), h("p.message-hint", { lang: "en" }, missing)));
    if (picture) this.stage.setArea(picture);
    else if (report.frame) this.stage.setArea({ x: 0, y: 0, width: report.frame.width, height: report.frame.height });
    this.stage.setReport(picture ? report : null);
    this.layers = h("div.layers", { role: "group", "aria-label": t("live.overlays") });
    this.panel = h("div.panel", {});
    this.below = h("div.below", {});
    this.replayResult = h("div.replay", { role: "status" });
    this.content.replaceChildren(
      h("div.page-head", {},
        link("back", t("rep.back"), "/history", "quiet-button"),
        h("h1", {}, dateTime(report.frame?.captured_at ?? report.clip?.start ?? report.created_at)),
        h("div.head-actions", {},
          picture && button("replay", t("rep.replay"), (event) => this.#replay(event.currentTarget)),
          link("print", t("rep.print"), `/print/${this.reportId}`, "", { target: "_blank", rel: "noopener" }))),
      h("div.report-left", {},
        h("section.live-picture", { "aria-label": t("live.picture") }, this.stage.element, h("div.actions", {}, this.layers), this.replayResult),
        this.below),
      this.panel);
    this.#showLayers();
  }

  #showLayers() {
    const layers = this.view.picture ? layersOf(this.view.report) : [];
    fill(this.layers, layers.length ? switches(layers, choice) : h("p.quiet", {}, t("live.no_overlays")));
  }

  #showPanel() {
    const { report, summary } = this.view;
    fill(this.panel,
      summary.amended_by.length > 0 && h("a.note.warn", { "data-key": "amended", href: `/history/${summary.amended_by.at(-1)}` }, icon("person"), h("span", {}, t("rep.amended")), icon("next")),
      summary.amends && h("a.note", { "data-key": "amends", href: `/history/${summary.amends}` }, icon("history"), h("span", {}, t("rep.amends")), icon("next")),
      categoryCard(this.view, summary.has_picture ? () => this.#choose() : null),
      measurementsCard(this.view, this.opinions),
      modulesCard(this.view),
      this.#opinionsCard());
    fill(this.below, this.#details(), this.#json());
  }

  #opinionsCard() {
    const entries = this.view.opinions.filter((entry) => entry.opinion !== "withdrawn");
    return entries.length > 0 && h("section.card", { "data-key": "opinions" }, h("h2.card-title", {}, t("rep.opinions")),
      h("ul.plain-list", {}, entries.map((entry) => h("li.opinion-line", {}, icon(entry.opinion),
        h("span", {}, known(`rep.opinion.${entry.opinion}`, entry.opinion).replace("{by}", entry.by).replace("{feature}", nameOf(entry.feature)), h("span.quiet", {}, ` ${dateTime(entry.at)}`))))));
  }

  #details() {
    const { report, summary, picture } = this.view;
    const pairs = [
      [t("rep.id"), h("code", {}, report.report_id)],
      [t("rep.captured"), report.frame && dateTime(report.frame.captured_at)],
      [t("rep.created"), dateTime(report.created_at) + (summary.time_trusted ? "" : ` (${t("hist.time_unsure")})`)],
      [t("hist.clip"), report.clip && t("rep.clip", { frames: report.clip.frames, seconds: number(report.clip.duration_s, 3), analysed: report.clip.analysed })],
      [t("rep.trigger"), summary.trigger && known(`trigger.${summary.trigger}`, summary.trigger)],
      [t("rep.delivery"), badge(deliveryState(summary.delivery), "flat")],
      [t("rep.device"), report.device_id],
      [t("rep.source"), report.source],
      [t("rep.model"), `${report.classification.model.name} ${report.classification.model.version}`],
      ["", picture?.masked.length ? t("rep.masked") : null],
    ];
    return h("details.fold.card", { "data-key": "details" }, h("summary", {}, t("rep.details"), icon("next", "turn")),
      h("dl.pairs", {}, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      report.classification.scores.length > 0 && h("h3", {}, t("rep.scores")), allScores(report.classification));
  }

  #json() {
    return h("details.fold.card", { "data-key": "json" }, h("summary", {}, t("rep.json"), icon("next", "turn")),
      link("download", t("rep.download"), `/api/reports/${this.reportId}/report.json`, "small", { download: true }),
      h("pre.json", { tabindex: "0", "aria-label": t("rep.json") }, JSON.stringify(this.view.report, null, 2)));
  }

  async #choose() {
    const { known: categories } = await get("/api/reports/categories");
    chooseCategory(this.view.report, categories, ({ report_id: made }) => made && whenMade(made, () => !this.#controller.signal.aborted && this.go(`/history/${made}`)));
  }

  async #replay(target) {
    fill(this.replayResult, h("p.note", {}, h("span.spinner", { "aria-hidden": "true" }), h("span", {}, t("rep.replaying"))));
    const result = await run(target, () => post(`/api/reports/${this.reportId}/replay`, {}, REPLAY_TIMEOUT_MS));
    if (!result) return fill(this.replayResult);
    const level = { identical: "ok", different: "bad" }[result.verdict] ?? "warn";
    fill(this.replayResult, h("div.note", { class: level }, icon(level),
      h("div", {}, h("strong", {}, known(`rep.replay.${result.verdict}`, result.verdict)),
        result.reason && h("p", { lang: "en" }, result.reason),
        h("ul", { lang: "en" }, [...(result.differences ?? []), ...(result.changed ?? [])].map((line) => h("li", {}, line))))));
  }
}
