// The picture now, what it shows, what was measured, and whether to believe it.
import { get, post, whenMade } from "../api.js";
import { fill, h, toast } from "../dom.js";
import { categoryCard, chooseCategory, KEEP_SCANNING, measurementsCard, modulesCard } from "../findings.js";
import { clock, number } from "../format.js";
import { icon } from "../icons.js";
import { contradicts, Likeness } from "../likeness.js";
import { layersOf, switches } from "../overlays.js";
import { badge, button, empty, run } from "../parts.js";
import { choice, Stage } from "../stage.js";
import { deliveryState, isShowing, pictureState } from "../states.js";
import { t } from "../texts.js";
import { Video } from "../video.js";

const CLIP_SHOWN_MS = 6000; // a clip has no picture to draw on: it is shown only where nothing newer is
const CAPTURE_PAUSE_MS = 500;
const CAPTURE_TRIES = 30;
const SAID = ["no_signal", "blank"]; // the box's own reason would only repeat the hint
const PICTURE_LATE_MS = 3000; // the box says that it is live, and no picture comes

export function showLive(content, context) {
  const page = new LivePage(content, context);
  return () => page.close();
}

class LivePage {
  #controller = new AbortController();
  #shown_ms = -Infinity;
  #statesSince = 0; // since the picture became another one
  #capturing = false;
  #held = null;

  constructor(content, { stream, opinions, go }) {
    Object.assign(this, { stream, opinions, go });
    this.view = stream.report;
    this.likeness = new Likeness();
    this.video = new Video(t("live.picture"));
    this.over = h("div.stage-state");
    this.message = h("div.stage-message", { hidden: true });
    this.stage = new Stage(this.video.canvas, this.message);
    this.freeze = button("pause", t("live.freeze"), () => this.#toggleFreeze(), "large-button");
    this.capture = button("camera", t("live.capture"), () => this.#takePicture(), "large-button primary");
    this.layers = h("div.layers", { role: "group", "aria-label": t("live.overlays") });
    this.panel = h("div.panel", {});
    content.append(
      h("h1.visually-hidden", {}, t("nav.live")),
      h("section.live-picture", { "aria-label": t("live.picture") },
        h("div.stage-bar", {}, this.over, this.layers), this.stage.element, h("div.actions", {}, this.freeze, this.capture)),
      this.panel);
    const on = (target, kind, handler) => target.addEventListener(kind, handler, { signal: this.#controller.signal });
    on(stream, "state", () => { this.#statesSince++; this.#showState(); });
    on(stream, "connection", ({ detail }) => { this.#showState(); if (detail) this.video.start(); });
    on(stream, "report", ({ detail }) => this.#take(detail));
    on(opinions, "change", () => this.#showReport());
    on(choice, "change", () => this.#showLayers());
    on(stream, "delivery", ({ detail }) => this.#delivered(detail));
    on(this.video, "frame", ({ detail }) => this.#frameShown(detail));
    on(document, "visibilitychange", () => (document.hidden ? this.video.stop() : this.video.start()));
    this.timer = setInterval(() => this.#showState(), 1000);
    this.video.start();
    if (this.view) this.opinions.learn(this.view);
    this.#showState();
    this.#showReport();
  }

  close() {
    this.#controller.abort();
    clearInterval(this.timer);
    this.video.stop();
    this.stage.close();
  }

  #frameShown(frame) {
    this.#shown_ms = performance.now();
    this.likeness.see(frame.sequence, this.video.canvas);
    if (!this.showing || (this.shownFresh && this.#isOld())) this.#showState(); // drawn on another picture: not for a moment
    this.stage.setArea({ x: 0, y: 0, width: frame.width, height: frame.height });
  }

  #delivered({ report_id: reportId, delivery }) {
    if (this.view?.report.report_id !== reportId) return;
    this.view.summary.delivery = delivery;
    this.#showReport();
  }

  /** A new report has come. While the picture is frozen, only what is about the held picture is shown. */
  #take(view) {
    this.opinions.learn(view);
    const held = this.stream.live?.frozen?.report_id;
    const ofHeld = view.report.report_id === held || view.report.amends?.report_id === this.#held;
    if (this.stream.live?.frozen && !ofHeld) return;
    if (this.stream.live?.frozen) this.#held = view.report.report_id;
    const ofOther = view.report.amends && view.report.amends.report_id !== this.view?.report.report_id;
    if (ofOther && !this.stream.live?.frozen) return; // of an older picture
    if (view.report.scope === "clip" && this.view && this.#ageOf(this.view) < CLIP_SHOWN_MS) return;
    this.view = view;
    this.#showState();
    this.#showReport();
  }

  #ageOf(view) {
    const live = this.stream.live;
    const now = live ? new Date(live.at).getTime() : Date.now(); // by the clock of the box, not of the tablet
    return now - new Date(view.report.frame?.captured_at ?? view.report.created_at);
  }

  #isOld() {
    if (!this.view || this.stream.live?.frozen) return false;
    const { report } = this.view;
    const age_ms = this.#ageOf(this.view);
    if (!report.frame) return age_ms > CLIP_SHOWN_MS;
    return contradicts(this.stream.live?.classification, report) || this.likeness.isOther(report.frame.sequence, age_ms);
  }

  #showState() {
    const { live, connected } = this.stream;
    const late = performance.now() - this.#shown_ms > PICTURE_LATE_MS && !document.hidden;
    const state = pictureState(live, connected, late);
    const showing = isShowing(state);
    const rate = state.key === "live" && live.frames_per_second ? t("signal.rate", { rate: number(live.frames_per_second, 2) }) : "";
    const beside = rate || (state.key === "frozen" ? state.hint : "");
    const advice = state.key === "live" && live.signal.reason.startsWith(KEEP_SCANNING);
    fill(this.over, badge(state, "big"),
      advice ? badge({ level: "info", icon: "search", title: t("signal.keep_scanning"), hint: live.signal.reason }, "advice") : beside && h("span.rate", {}, beside));
    this.stage.element.classList.toggle("dim", !showing);
    this.stage.element.classList.toggle("held", state.key === "frozen");
    this.message.hidden = showing;
    if (!showing) {
      fill(this.message, icon(state.icon, "huge"), h("p.message-title", {}, state.title), h("p.message-hint", {}, state.hint),
        state.reason && !SAID.includes(state.key) && h("p.message-reason", { lang: "en" }, state.reason));
    }
    const frozen = Boolean(live?.frozen);
    fill(this.freeze, icon(frozen ? "play" : "pause"), h("span", {}, t(frozen ? "live.unfreeze" : "live.freeze")));
    this.freeze.setAttribute("aria-pressed", String(frozen));
    const usable = connected !== false && showing && Boolean(live?.picture);
    this.freeze.disabled = !usable;
    this.capture.disabled = !usable || frozen || this.#capturing;
    fill(this.capture, icon("camera"), h("span", {}, t(this.#capturing ? "live.capturing" : "live.capture")));
    this.#loadHeld();
    const changed = this.showing !== showing;
    this.showing = showing;
    const first = state.key === "loading" && this.video.frame === null; // the results are here before the picture
    const fresh = (showing && !this.#isOld()) || first;
    this.stage.setReport(fresh && this.#sameSize() ? this.view.report : null);
    this.panel.classList.toggle("old", !fresh && !showing);
    if (fresh) this.#statesSince = 0;
    if (this.shownFresh !== fresh || changed || (showing && !fresh)) {
      this.shownFresh = fresh;
      this.#showReport();
    }
  }

  #sameSize() {
    const [frame, shown] = [this.view?.report.frame, this.video.frame];
    return frame && shown && frame.width === shown.width && frame.height === shown.height;
  }

  /** The report of the held picture, once the box has made it. */
  async #loadHeld() {
    const reportId = this.stream.live?.frozen?.report_id ?? null;
    if (!this.stream.live?.frozen) this.#held = null;
    if (!reportId || this.#held) return;
    this.#held = reportId;
    if (this.view?.report.report_id === reportId) return;
    const view = await get(`/api/reports/${reportId}`).catch(() => null);
    if (view && this.#held === reportId) {
      this.opinions.learn(view);
      this.view = view;
      this.#showState();
      this.#showReport();
    }
  }

  #showReport() {
    this.#showLayers();
    if (!this.view) return fill(this.panel, empty("picture", t("live.nothing"), t("live.nothing.hint")));
    if (!this.shownFresh && this.showing) return this.#showMeasuring();
    const { report, summary } = this.view;
    const when = clock(report.frame?.captured_at ?? report.created_at);
    const choose = summary.has_picture ? () => this.#choose(report) : null;
    fill(this.panel,
      !this.shownFresh && h("p.note.warn", { "data-key": "old" }, icon("waiting"), h("span", {}, t("live.old", { time: when }))),
      categoryCard(this.view, choose, () => this.#release()),
      measurementsCard(this.view, this.opinions),
      modulesCard(this.view),
      h("p.report-line", { "data-key": "line" }, badge(deliveryState(summary.delivery), "flat"),
        h("a.text-link", { href: `/history/${report.report_id}` }, t("live.report_of", { time: when }), icon("next"))));
  }

  /** The scanner shows another picture than the newest report is about: what it is is known before it is measured. */
  #showMeasuring() {
    const classification = this.#statesSince >= 2 ? this.stream.live?.classification : null; // the first may be of before
    const view = classification && { report: { classification, analyses: [], amends: null }, summary: { amended_by: [] } };
    fill(this.panel,
      view && categoryCard(view, null),
      h("section.card", { "data-key": "measuring", role: "status" }, h("p.measuring", {}, h("span.spinner", { "aria-hidden": "true" }), h("span", {}, t("live.measuring")))));
  }

  #showLayers() {
    const layers = layersOf(this.view?.report.frame && this.shownFresh ? this.view.report : null);
    fill(this.layers, layers.length ? switches(layers, choice) : this.view && this.shownFresh && h("p.quiet", {}, t("live.no_overlays")));
  }

  async #choose(report) {
    const { known } = await get("/api/reports/categories");
    const made = ({ report_id: reportId }) => reportId && whenMade(reportId, (view) => this.#controller.signal.aborted || this.#take(view));
    chooseCategory(report, known, made, true);
  }

  /** Lets the box decide again what the screen shows; a picture that stands still is analysed once more for it. */
  #release() {
    return run(this.panel, async () => {
      await post("/api/actions/category", { category: null });
      await post("/api/actions/capture");
      toast(t("class.released"), { level: "ok" });
    });
  }

  #toggleFreeze() {
    const frozen = !this.stream.live?.frozen;
    return run(this.freeze, () => post("/api/actions/freeze", { frozen })).then(() => this.#showState());
  }

  async #takePicture() {
    const asked = this.stream.live?.at ?? "";
    const result = await run(this.capture, () => post("/api/actions/capture"));
    this.#capturing = Boolean(result);
    this.#showState();
    if (result) this.#findCaptured(asked, CAPTURE_TRIES);
  }

  /** The stream tells only of the newest of many reports: the one that was asked for is looked up. */
  async #findCaptured(asked, tries) {
    const answer = await get("/api/reports", { limit: 20 }).catch(() => ({ reports: [] }));
    if (this.#controller.signal.aborted) return;
    const found = answer.reports.find((report) => report.trigger === "page_capture" && report.created_at >= asked);
    if (!found && tries > 0) return setTimeout(() => this.#findCaptured(asked, tries - 1), CAPTURE_PAUSE_MS);
    this.#capturing = false;
    this.#showState();
    if (!found) return toast(t("live.capture_late"), { level: "bad" });
    toast(t("live.captured"), { level: "ok", action: { text: t("live.open_report"), run: () => this.go(`/history/${found.report_id}`) } });
  }
}
