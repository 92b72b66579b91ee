// What a report says, as cards: the category and how far to believe it, the measurements, every module.
import { post } from "./api.js";
import { h, toast } from "./dom.js";
import { percent, quantity } from "./format.js";
import { icon } from "./icons.js";
import { badge, button, dialog, run } from "./parts.js";
import { moduleState, qualityState, trustState } from "./states.js";
import { categoryName, kindName, nameOf, t } from "./texts.js";

/** How the box begins its advice while it has not seen enough of a moving view. */
export const KEEP_SCANNING = "keep scanning";
const SAID_ELSEWHERE = "quality_score"; // as "picture quality good"
const SHOWN_SCORE = 0.05; // a category less probable than this is no help to an unsure reader

/**
 * The card "what it shows".
 * @param {?function} choose asks what it shows really; null: that can't be changed
 * @param {?function} release lets the box decide again, where a person's choice holds for the pictures that follow
 */
export function categoryCard(view, choose, release = null) {
  const { report, summary } = view;
  const found = report.classification;
  const trust = trustState(found, report.amends);
  const quality = qualityState(report.analyses);
  const bars = found.decision === "ambiguous"
    ? found.scores.filter((score) => found.prediction_set.includes(score.category))
    : found.scores.slice(0, found.decision === "accepted" ? 1 : 0);
  return h("section.card.category", { "data-key": "category", "aria-label": t("class.title") },
    h("div.category-head", {},
      h("div", {},
        h("p.eyebrow", {}, kindName(found.category ?? found.prediction_set[0] ?? "") || t("class.title")),
        h("h2.category-name", { class: found.decision }, found.decision === "rejected" && icon("unsure"), h("span", {}, headline(found)))),
      found.decision !== "rejected" && badge(trust)),
    found.decision === "ambiguous" && h("p.quiet", {}, t("class.unsure.hint")),
    found.decision === "rejected" && h("p.quiet", {}, t(wantsMore(found) ? "class.more.hint" : "class.rejected.hint")),
    !report.amends && found.chosen_by && h("p.quiet", {}, t("class.chosen", { role: t(`people.role.${found.chosen_by}`) })),
    report.amends
      ? h("p.quiet", {}, t("class.amends", { role: t(`people.role.${report.amends.by_role}`), category: categoryName(report.amends.previous_category ?? previousOf(report.amends)) }))
      : !found.chosen_by && bars.map((score) => scoreBar(score, found.decision === "ambiguous")),
    h("div.category-foot", {},
      quality ? badge(quality, "flat") : h("span"),
      choose && !summary.amended_by.length && button("edit", t("class.wrong"), choose, "small", { "aria-label": t("class.wrong.hint") }),
      release && found.chosen_by && button("replay", t("class.release"), release, "small")));
}

const previousOf = (amends) => (amends.previous_decision === "ambiguous" ? "ambiguous" : "none");

/** True if a moving view was seen for too short to say what it is. */
const wantsMore = (found) => found.reason.startsWith(KEEP_SCANNING);

function headline(found) {
  if (found.decision === "accepted") return categoryName(found.category);
  if (found.decision === "rejected") return t(wantsMore(found) ? "signal.keep_scanning" : "class.rejected");
  return found.prediction_set.map((category) => categoryName(category)).join(` ${t("join.or")} `);
}

/** A probability as a bar, with its number. */
export function scoreBar(score, named = true) {
  const text = percent(score.probability);
  const name = categoryName(score.category, true);
  return h("div.score", { "data-key": `score-${score.category}` },
    named && h("span.score-name", {}, name),
    h("div.bar", { role: "meter", "aria-valuenow": Math.round(score.probability * 100), "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": `${t("class.confidence")}: ${name}` },
      h("div.bar-fill", { vars: { "--share": score.probability } })),
    h("span.score-value", {}, text));
}

export const allScores = (found) => found.scores.filter((score) => score.probability >= SHOWN_SCORE / 50).map((score) => scoreBar(score));

/** The card with the numbers that matter most. */
export function measurementsCard(view, opinions) {
  const { report, summary } = view;
  const shown = important(summary);
  const allNew = shown.length > 0 && shown.every((entry) => entry.experimental);
  const inPixels = shown.some((entry) => entry.unit.startsWith("px"));
  return h("section.card.measurements", { "data-key": "measurements", "aria-label": t("find.title") },
    h("h2.card-title", {}, t("find.title"), allNew && h("span.tag", {}, t("find.experimental"))),
    shown.length
      ? h("ul.findings", {}, shown.map((entry) => findingRow(report, entry, opinions, !allNew && entry.experimental)))
      : h("p.quiet", {}, t("find.none")),
    inPixels && h("p.note", {}, icon("info"), h("span", {}, t("find.no_scale"))));
}

function findingRow(report, entry, opinions, tagged) {
  const name = nameOf(entry.feature);
  const { text, unit } = quantity(entry.value, entry.unit);
  return h("li.finding", { "data-key": `${entry.module}-${entry.feature}` },
    h("div.finding-main", {},
      h("p.finding-name", {}, name, tagged && h("span.tag", {}, t("find.experimental"))),
      h("p.finding-value", {}, h("span.number", {}, text), unit && h("span.unit", {}, unit)),
      entry.interval && h("p.finding-interval", {}, intervalText(entry))),
    opinions && opinionButtons(report, entry, name, opinions));
}

export function intervalText(entry) {
  const [low, high] = entry.interval.map((bound) => quantity(bound, entry.unit).text);
  return t("find.interval", { low, high });
}

function opinionButtons(report, entry, name, opinions) {
  const mine = opinions.mine(report.report_id, entry.module, entry.feature);
  const choice = (kind) =>
    h("button.icon-button.opinion", {
      type: "button", class: kind, "aria-pressed": String(mine === kind), "aria-label": t(`find.${kind}`, { feature: name }),
      onclick: (event) => run(event.currentTarget, () => opinions.give(report.report_id, entry, mine === kind ? "withdrawn" : kind)),
    }, icon(kind));
  return h("div.opinions", {}, choice("agree"), choice("disagree"));
}

/** Opinions of the person at the tablet: what she gave, and giving one. */
export class Opinions extends EventTarget {
  #given = new Map();

  constructor(account) {
    super();
    this.account = account;
  }

  /** Learn what a report's opinions say. */
  learn(view) {
    for (const entry of view.opinions) {
      if (entry.by === this.account.name) this.#given.set(keyOf(entry.report_id, entry.module, entry.feature), entry.opinion);
    }
  }

  mine(reportId, module, feature) {
    return this.#given.get(keyOf(reportId, module, feature)) ?? null;
  }

  async give(reportId, { module, feature }, opinion) {
    await post(`/api/reports/${reportId}/opinion`, { module, feature, opinion });
    this.#given.set(keyOf(reportId, module, feature), opinion === "withdrawn" ? null : opinion);
    this.dispatchEvent(new CustomEvent("change", { detail: reportId }));
    const told = { agree: "find.agreed", disagree: "find.disagreed", withdrawn: "find.withdrawn" }[opinion];
    const undo = { text: t("app.undo"), run: () => this.give(reportId, { module, feature }, "withdrawn") };
    toast(t(told, { feature: nameOf(feature) }), { level: "ok", action: opinion === "withdrawn" ? null : undo });
  }
}

const keyOf = (...parts) => parts.join("/");

/** The measurements that matter most. */
export const important = (summary) => summary.headline.filter((entry) => entry.feature !== SAID_ELSEWHERE);

/** The modules' entries, first those that the measurements come from. */
export function inOrder({ report, summary }) {
  const first = new Set(important(summary).map((entry) => entry.module));
  return report.analyses.toSorted((one, other) => first.has(other.module) - first.has(one.module));
}

/** The card with every module's entry. */
export function modulesCard(view) {
  const entries = inOrder(view);
  return h("section.card.modules", { "data-key": "modules", "aria-label": t("mod.title") },
    h("h2.card-title", {}, t("mod.title")),
    entries.length ? h("ul.module-list", {}, entries.map(moduleRow)) : h("p.quiet", {}, t("mod.none")));
}

function moduleRow(entry) {
  const state = moduleState(entry.status);
  const head = [
    h("span.module-icon", { class: state.level }, icon(state.icon)),
    h("span.module-text", {},
      h("span.module-name", {}, nameOf(entry.module), entry.experimental && h("span.tag", {}, t("find.experimental"))),
      h("span.module-state", {}, state.title + (entry.status === "ok" && !entry.findings.length ? `: ${t("mod.nothing_found")}` : "")),
      entry.reason && h("span.module-reason", { lang: "en" }, entry.reason)),
  ];
  if (!entry.findings.length) return h("li.module", { "data-key": entry.module }, h("div.module-head", {}, head));
  return h("li.module", { "data-key": entry.module },
    h("details", {},
      h("summary.module-head", {}, head, icon("next", "turn")),
      h("dl.pairs", {}, entry.findings.map((finding) => {
        const { text, unit } = quantity(finding.value, finding.unit);
        return [h("dt", {}, nameOf(finding.feature)), h("dd", {}, `${text} ${unit}`.trim(), finding.interval && h("span.quiet", {}, ` (${intervalText(finding)})`))];
      })),
      h("p.quiet.small-text", {}, t("mod.version", { version: entry.version, duration: Math.round(entry.duration_ms) }))));
}

/**
 * Asks what the picture shows, and has it analysed as that.
 * @param {boolean} live true: so are the pictures that follow, until the view ends
 */
export function chooseCategory(report, known, done, live = false) {
  const now = report.classification.decision === "accepted" ? report.classification.category : null;
  const apply = h("button.button.primary.wide", { type: "button", disabled: true }, t("class.choose.first"));
  let chosen = null;
  const options = known.map((category) => {
    const option = h("button.option", { type: "button", "aria-pressed": "false", disabled: category === now },
      h("span", {}, categoryName(category)), h("span.quiet", {}, category === now ? t("class.choose.now") : kindName(category)));
    option.onclick = () => {
      chosen = category;
      options.forEach((other) => other.setAttribute("aria-pressed", String(other === option)));
      apply.disabled = false;
      apply.textContent = t("class.choose.apply", { category: categoryName(category) });
    };
    return option;
  });
  const box = dialog(t("class.choose"), h("p.quiet", {}, t("class.choose.hint")), h("div.options", {}, options), apply);
  apply.onclick = () => run(apply, async () => {
    const result = await post(`/api/reports/${report.report_id}/override`, { category: chosen, live });
    box.close();
    toast(t("class.overridden", { category: categoryName(chosen) }), { level: "ok" });
    done(result);
  });
}
