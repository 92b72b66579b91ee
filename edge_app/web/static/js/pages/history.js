// The worklist: every report, newest first, searched and filtered.
import { get, queryOf } from "../api.js";
import { fill, h } from "../dom.js";
import { important } from "../findings.js";
import { clock, dateTime, day, midnight, percent, quantity } from "../format.js";
import { icon } from "../icons.js";
import { badge, button, empty, failure, field, loading, select } from "../parts.js";
import { deliveryState } from "../states.js";
import { categoryName, kindName, known, nameOf, plural, t } from "../texts.js";

const PAGE_SIZE = 50;
const SEARCH_PAUSE_MS = 350;
const FILTERS = ["q", "category", "time", "since", "until", "session", "scope", "delivery"];
const TIMES = { today: 0, yesterday: 1, week: 6, month: 29 };

export function showHistory(content, context) {
  const page = new HistoryPage(content, context);
  return () => page.close();
}

class HistoryPage {
  #controller = new AbortController();
  #asked = 0;
  #reports = [];
  #next = null;
  #fresh = new Set();

  constructor(content, { stream, go, query }) {
    this.go = go;
    this.filter = Object.fromEntries(FILTERS.map((key) => [key, query.get(key) ?? ""]));
    this.filters = h("div.filters", { role: "search" });
    this.fresh = h("div.fresh", {});
    this.list = h("div.worklist", {}, loading());
    this.foot = h("div.list-foot", {});
    this.exports = h("div.exports", {});
    content.append(
      h("div.page-head", {}, h("h1", {}, t("hist.title")), this.exports), this.filters, this.fresh, this.list, this.foot);
    stream.addEventListener("report", ({ detail }) => this.#newReport(detail), { signal: this.#controller.signal });
    this.#showFilters([], []);
    this.#loadChoices();
    this.#load();
  }

  close() {
    this.#controller.abort();
    clearTimeout(this.pause);
  }

  async #loadChoices() {
    const [categories, sessions] = await Promise.all([get("/api/reports/categories"), get("/api/sessions")]).catch(() => [{ categories: [] }, { sessions: [] }]);
    this.#showFilters(categories.categories, sessions.sessions);
  }

  #showFilters(categories, sessions) {
    const any = ["", t("hist.any")];
    const search = h("input", { id: "history-search", type: "search", value: this.filter.q, placeholder: t("hist.search.hint"), maxlength: 100, autocomplete: "off", oninput: (event) => this.#changeSoon("q", event.target.value.trim()) });
    const choose = (key, options) => select(options, this.filter[key], (value) => this.#change({ [key]: value }), { id: `history-${key}` });
    const times = Object.keys(TIMES).map((key) => [key, t(`hist.${key}`)]);
    const counted = categories.map(({ category, reports }) => [category, `${longName(category)} (${reports})`]);
    if (this.filter.category && !counted.some(([key]) => key === this.filter.category)) counted.push([this.filter.category, longName(this.filter.category)]);
    const own = this.filter.time === "own";
    const date = (key) => h("input", { id: `history-${key}`, type: "datetime-local", value: this.filter[key], onchange: (event) => this.#change({ [key]: event.target.value }) });
    fill(this.filters,
      field(t("hist.search"), search),
      this.#moreButton(),
      field(t("hist.category"), choose("category", [any, ...counted])),
      field(t("hist.time"), choose("time", [any, ...times, ["own", t("hist.own_time")]])),
      own && field(t("hist.since"), date("since")),
      own && field(t("hist.until"), date("until")),
      field(t("hist.session"), choose("session", [any, ...sessions.map((run) => [run.session, dateTime(run.started_at)])])),
      field(t("hist.scope"), choose("scope", [any, ["frame", t("hist.frame")], ["clip", t("hist.clip")]])),
      field(t("hist.delivery"), choose("delivery", [any, ...["sent", "waiting", "refused"].map((key) => [key, t(`delivery.${key}`)])])));
    this.categories = categories;
    this.sessions = sessions;
  }

  /** On a phone, the other filters are behind a button. */
  #moreButton() {
    const open = this.filters.classList.contains("open");
    const used = FILTERS.filter((key) => key !== "q" && this.filter[key]).length;
    return h("button.button.more", { type: "button", "aria-expanded": String(open), onclick: () => { this.filters.classList.toggle("open"); this.#showFilters(this.categories, this.sessions); } },
      icon("settings"), h("span", {}, t("hist.filters") + (used ? ` (${used})` : "")));
  }

  /** The filter as the box understands it. */
  #query() {
    const { q, category, session, scope, delivery, time, since, until } = this.filter;
    const iso = (local) => (local ? new Date(local).toISOString() : "");
    const from = time in TIMES ? midnight(TIMES[time]) : time === "own" ? iso(since) : "";
    return { q, category, session, scope, delivery, since: from, until: time === "own" ? iso(until) : "" };
  }

  #changeSoon(key, value) {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.#change({ [key]: value }), SEARCH_PAUSE_MS);
  }

  #change(changes) {
    Object.assign(this.filter, changes);
    history.replaceState({}, "", `/history${queryOf(this.filter)}`);
    if ("time" in changes) this.#showFilters(this.categories, this.sessions);
    this.#load();
  }

  async #load(more = false) {
    const number = ++this.#asked;
    if (!more) this.#fresh.clear();
    fill(this.foot, more ? loading() : "");
    this.list.setAttribute("aria-busy", "true");
    try {
      const answer = await get("/api/reports", { ...this.#query(), limit: PAGE_SIZE, cursor: more ? this.#next : "" });
      if (number !== this.#asked) return;
      this.#reports = more ? [...this.#reports, ...answer.reports] : answer.reports;
      this.#next = answer.next_cursor;
      this.#show(answer.searched_all);
    } catch (error) {
      if (number !== this.#asked) return;
      fill(this.list, failure(error, () => this.#load()));
      fill(this.foot);
    } finally {
      this.list.removeAttribute("aria-busy");
    }
  }

  #show(searchedAll) {
    this.#showFresh();
    const query = this.#query();
    const filtered = Object.values(query).some(Boolean);
    fill(this.exports, this.#reports.length > 0 && h("details.menu", {}, h("summary.button", {}, icon("download"), h("span", {}, t("hist.export"))),
      h("div.menu-body", {},
        ["csv", "jsonl"].map((kind) => h("a.menu-item", { href: `/api/export.${kind}${queryOf(query)}`, download: true }, t(`hist.export.${kind}`))))));
    if (!this.#reports.length) {
      fill(this.foot);
      fill(this.list, filtered
        ? empty("search", t("hist.no_match"), "", button("close", t("hist.clear"), () => this.go("/history")))
        : empty("history", t("hist.empty"), t("hist.empty.hint")));
      return;
    }
    fill(this.list, groups(this.#reports).map(([title, reports]) => [h("h2.day", { "data-key": `day-${title}` }, title), h("ul.rows", { "data-key": `rows-${title}` }, reports.map(row))]));
    fill(this.foot, this.#next
      ? button("next", t("hist.more"), () => this.#load(true), "wide")
      : h("p.quiet", {}, t(searchedAll === false ? "hist.part" : "hist.end")));
  }

  #newReport({ report }) {
    if (this.#reports.some((entry) => entry.report_id === report.report_id)) return;
    this.#fresh.add(report.report_id);
    this.#showFresh();
  }

  #showFresh() {
    fill(this.fresh, this.#fresh.size > 0 && button("replay", plural("hist.new", this.#fresh.size), () => this.#load(), "wide fresh-button"));
  }
}

const longName = (category) => categoryName(category, true);

/** Reports by day, in order. */
function groups(reports) {
  const days = new Map();
  for (const report of reports) {
    const title = day(report.created_at);
    days.set(title, [...(days.get(title) ?? []), report]);
  }
  return [...days];
}

function row(summary) {
  const problems = Object.entries(summary.modules).filter(([status, count]) => ["failed", "timed_out"].includes(status) && count > 0);
  const marks = [
    summary.scope === "clip" && h("span.tag", {}, t("hist.clip")),
    summary.trigger && h("span.tag", {}, known(`trigger.${summary.trigger}`, summary.trigger)),
    summary.amends && h("span.tag", {}, icon("person"), t("class.operator")),
    problems.length > 0 && h("span.tag.bad", {}, icon("bad"), t("mod.failed")),
    summary.disagree > 0 && h("span.tag", {}, icon("disagree"), String(summary.disagree)),
    summary.agree > 0 && h("span.tag", {}, icon("agree"), String(summary.agree)),
  ];
  return h("li", { "data-key": summary.report_id },
    h("a.row", { href: `/history/${summary.report_id}` },
      h("span.row-time", {}, clock(summary.created_at),
        !summary.time_trusted && h("span.unsure-time", { title: t("hist.time_unsure") }, icon("waiting"), h("span.visually-hidden", {}, t("hist.time_unsure")))),
      h("span.row-what", {}, h("strong", {}, nameOfSummary(summary)), h("span.quiet", {}, detailOf(summary))),
      h("span.row-values", {}, important(summary).slice(0, 3).map((entry) => {
        const { text, unit } = quantity(entry.value, entry.unit);
        return h("span.row-value", {}, h("span.quiet", {}, nameOf(entry.feature)), h("b", {}, `${text} ${unit}`.trim()));
      })),
      h("span.row-marks", {}, marks),
      badge(deliveryState(summary.delivery), "flat row-sent"),
      icon("next", "row-arrow")));
}

export function nameOfSummary(summary) {
  if (summary.decision === "accepted") return categoryName(summary.category);
  if (summary.decision === "rejected") return t("class.rejected");
  return summary.prediction_set.map((category) => categoryName(category)).join(` ${t("join.or")} `);
}

function detailOf(summary) {
  if (summary.decision === "ambiguous") return t("class.unsure");
  if (summary.decision === "rejected") return "";
  return [kindName(summary.category), summary.probability !== null && percent(summary.probability)].filter(Boolean).join(" · ");
}
