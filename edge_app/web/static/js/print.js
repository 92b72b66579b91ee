// One report on one sheet of A4, for the paper record.
import { get, loadSession, wordsOf } from "./api.js";
import { fill, h } from "./dom.js";
import { inOrder, intervalText } from "./findings.js";
import { dateTime, percent, quantity } from "./format.js";
import { Choice, draw, layersOf } from "./overlays.js";
import { moduleState } from "./states.js";
import { categoryName, currentLanguage, nameOf, setLanguage, t } from "./texts.js";

const ROWS = 24; // fit on the sheet beside the picture
const app = document.getElementById("app");

async function start() {
  setLanguage(currentLanguage());
  try {
    await loadSession();
    const view = await get(`/api/reports/${location.pathname.split("/").at(-1)}`);
    await show(view);
    if (new URLSearchParams(location.search).get("dialog") !== "no") print();
  } catch (error) {
    fill(app, h("p.problem", { role: "alert" }, wordsOf(error)));
  }
}

async function show(view) {
  const { report, picture, picture_missing: missing } = view;
  const when = dateTime(report.frame?.captured_at ?? report.clip?.start ?? report.created_at);
  document.title = `${t("rep.title")} ${report.report_id}`;
  const image = picture && h("img", { src: picture.url, alt: t("live.picture") });
  const svg = h("svg:svg", { class: "overlays", "aria-hidden": "true" });
  fill(app, h("main.sheet", {},
    h("header.sheet-head", {},
      h("div", {}, h("h1", {}, headline(report)), h("p", {}, when, view.summary.time_trusted ? "" : ` (${t("hist.time_unsure")})`)),
      h("div.patient", {}, t("rep.patient"))),
    h("p.sheet-disclaimer", {}, t("app.disclaimer")),
    h("p.trust", {}, trust(report)),
    picture ? h("div.sheet-picture", {}, image, svg) : h("p.no-picture", {}, t("rep.no_picture"), missing && `: ${missing}`),
    table(view),
    opinions(view),
    h("div.sign", {}, t("rep.signature")),
    h("footer.sheet-foot", {},
      h("p", {}, `${t("rep.device")}: ${report.device_id} · ${t("rep.source")}: ${report.source}`),
      h("p", {}, `${t("rep.id")}: ${report.report_id}`),
      h("p", {}, `${t("rep.model")}: ${report.classification.model.name} ${report.classification.model.version} · ${t("rep.printed", { time: dateTime(Date.now()) })}`))));
  if (!picture) return;
  await image.decode().catch(() => {});
  svg.parentElement.style.setProperty("--ratio", String(picture.width / picture.height));
  draw(svg, layersOf(report), new Choice(), picture, true); // on paper there are no buttons that tell the lines apart
}

function headline(report) {
  const found = report.classification;
  if (found.decision === "accepted") return categoryName(found.category, true);
  return found.decision === "rejected" ? t("class.rejected") : found.prediction_set.map((category) => categoryName(category, true)).join(` ${t("join.or")} `);
}

function trust(report) {
  const found = report.classification;
  if (report.amends) return t("class.amends", { role: t(`people.role.${report.amends.by_role}`), category: categoryName(report.amends.previous_category ?? "none") });
  if (found.decision === "ambiguous") return `${t("class.unsure")}: ${found.scores.slice(0, 3).map((score) => `${categoryName(score.category)} ${percent(score.probability)}`).join(", ")}`;
  return found.decision === "accepted" ? `${t("class.confidence")}: ${percent(found.scores[0].probability)}` : t("class.rejected.hint");
}

function table(view) {
  const rows = inOrder(view).flatMap((entry) => entry.findings.length
    ? entry.findings.map((finding, index) => row(index === 0 ? entry : null, finding))
    : [h("tr", {}, h("td", {}, nameOf(entry.module)), h("td", { colspan: 3 }, `${moduleState(entry.status).title}${entry.reason ? `: ${entry.reason}` : ""}`))]);
  return h("table.values", {},
    h("thead", {}, h("tr", {}, ["rep.module", "rep.measurement", "rep.value", "rep.range"].map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", {}, rows.slice(0, ROWS), rows.length > ROWS && h("tr", {}, h("td", { colspan: 4 }, t("rep.more_rows", { n: rows.length - ROWS })))));
}

function row(entry, finding) {
  const { text, unit } = quantity(finding.value, finding.unit);
  return h("tr", {}, h("td", {}, entry && nameOf(entry.module), entry?.experimental && h("small", {}, ` (${t("find.experimental")})`)),
    h("td", {}, nameOf(finding.feature)), h("td.value", {}, `${text} ${unit}`.trim()), h("td", {}, finding.interval ? intervalText(finding) : ""));
}

function opinions(view) {
  const given = view.opinions.filter((entry) => entry.opinion !== "withdrawn").slice(0, 6);
  return given.length > 0 && h("p.sheet-opinions", {}, `${t("rep.opinions")}: `, given.map((entry) => t(`rep.opinion.${entry.opinion}`, { by: entry.by, feature: nameOf(entry.feature) })).join("; "));
}

start();
