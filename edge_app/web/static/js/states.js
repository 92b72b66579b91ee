// From what the box says to words, a level and a shape: {level, icon, title, hint, reason}.
import { clockMinutes } from "./format.js";
import { known, plural, t } from "./texts.js";

const LEVELS = {
  ok: ["running", "connected", "ok", "up", "live", "still", "none"],
  info: ["starting", "connecting"],
  warn: ["blank", "menu", "overdue", "stopped", "lost", "unreachable", "down", "reduced"],
};

/** "ok", "info", "warn" or "bad" for a state's word. */
export function levelOf(state) {
  return Object.keys(LEVELS).find((level) => LEVELS[level].includes(state)) ?? "bad";
}

function describe(key, level, icon, values = {}) {
  return { key, level, icon, title: t(`signal.${key}`), hint: t(`signal.${key}.hint`, values) };
}

/**
 * Whether the picture is live, and if not what to do about it.
 * @param {boolean} late true on a page that shows the picture, if none has come for some seconds
 */
export function pictureState(live, connected, late = false) {
  if (connected === false) return { key: "lost", level: "bad", icon: "bad", title: t("signal.lost"), hint: t("lost.title") };
  if (!live) return describe("starting", "info", "waiting");
  if (["silent", "ended"].includes(live.service.state)) return { ...describe("service_silent", "bad", "bad"), reason: live.service.reason };
  if (live.capture.state === "lost") return { ...describe("capture_lost", "bad", "cable"), reason: live.capture.reason };
  if (live.capture.state === "stalled") return { ...describe("capture_stalled", "bad", "bad"), reason: live.capture.reason };
  if (live.service.state === "starting") return describe("starting", "info", "waiting");
  if (late && ["live", "still"].includes(live.signal.state)) return describe("loading", "info", "waiting");
  if (live.frozen) return describe("frozen", "info", "frozen", { time: clockMinutes(live.frozen.since), by: live.frozen.by });
  if (live.capture.state === "stopped") return { ...describe("capture_stopped", "warn", "warn"), reason: live.capture.reason };
  const state = live.signal.state;
  if (state === "live" || state === "frozen") return { key: "live", level: "ok", icon: "live", title: t("signal.live"), hint: "" };
  if (state === "still") return describe("still", "ok", "picture");
  if (state === "no_signal") return { ...describe("no_signal", "bad", "cable"), reason: live.signal.reason };
  if (state === "blank" || state === "menu") return { ...describe(state, "warn", "warn"), reason: live.signal.reason };
  if (state === "starting") return { ...describe("starting", "info", "waiting"), reason: live.signal.reason };
  return { key: state, level: "warn", icon: "warn", title: known(`signal.${state}`, state), hint: "", reason: live.signal.reason };
}

/** True if what the picture shows now may be taken for the scanner's present picture. */
export const isShowing = (state) => ["live", "still", "frozen"].includes(state.key);

/** Whether everything has been sent. */
export function sentState(live, connected) {
  if (!live || connected === false) return { level: "info", icon: "waiting", title: t("sent.unknown"), hint: "" };
  const { store, broker } = live;
  if (["full", "failed", "damaged"].includes(store.state)) {
    const title = store.state === "full" ? t("sent.store_full") : t("sent.store_failed");
    return { level: "bad", icon: "bad", title, hint: store.reason };
  }
  if (store.state === "overdue") return { level: "warn", icon: "warn", title: plural("sent.overdue", store.unsent), hint: store.reason };
  if (broker.state !== "connected" && broker.state !== "connecting") {
    const title = store.unsent ? plural("sent.offline", store.unsent) : t("sent.offline_none");
    return { level: "warn", icon: "warn", title, hint: broker.reason };
  }
  if (store.unsent) return { level: "info", icon: "send", title: plural("sent.sending", store.unsent), hint: "" };
  return { level: "ok", icon: "ok", title: t("sent.all"), hint: "" };
}

/** How one report stands on its way. */
export function deliveryState(delivery) {
  const [level, icon] = { sent: ["ok", "ok"], waiting: ["info", "waiting"] }[delivery] ?? ["warn", "warn"];
  return { level, icon, title: known(`delivery.${delivery}`, delivery) };
}

/** How one module did. */
export function moduleState(status) {
  const [level, icon] = { ok: ["ok", "ok"], unsuitable: ["info", "info"], unavailable: ["info", "info"] }[status] ?? ["bad", "bad"];
  return { level, icon, title: known(`mod.${status}`, status) };
}

/** How far the recognition can be believed. */
export function trustState(classification, amends = null) {
  if (amends || classification.chosen_by) return { level: "info", icon: "person", title: t("class.operator") };
  if (classification.decision === "ambiguous") return { level: "warn", icon: "unsure", title: t("class.unsure") };
  if (classification.decision === "rejected") return { level: "warn", icon: "unsure", title: t("class.rejected") };
  const sure = (classification.scores[0]?.probability ?? 0) >= 0.9;
  return sure ? { level: "ok", icon: "ok", title: t("class.sure") } : { level: "ok", icon: "ok", title: t("class.likely") };
}

/** What a module says of the picture's quality, if one does. */
export function qualityState(analyses) {
  const score = analyses.flatMap((entry) => entry.findings).find((finding) => finding.feature === "quality_score")?.value;
  if (score === undefined) return null;
  if (score < 0.35) return { level: "warn", icon: "warn", title: t("class.quality_poor") };
  if (score < 0.6) return { level: "info", icon: "info", title: t("class.quality_fair") };
  return { level: "ok", icon: "ok", title: t("class.quality_good") };
}
