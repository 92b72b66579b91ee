// A line over time, drawn as SVG: gaps stay gaps.
import { h } from "./dom.js";
import { clockMinutes, number } from "./format.js";
import { t } from "./texts.js";

const SIZE = { width: 640, height: 200, left: 52, right: 12, top: 12, bottom: 30 };
const LINES = 4;

/**
 * A plot with its title and newest value.
 * @param {string} title
 * @param {Array<{at: string}>} samples oldest first
 * @param {string} key of the value in a sample; null is a gap
 */
export function plot(title, samples, key) {
  const values = samples.map((sample) => sample[key]).filter((value) => value !== null && value !== undefined);
  const last = samples.findLast((sample) => sample[key] !== null && sample[key] !== undefined)?.[key];
  const head = h("figcaption", {}, h("span", {}, title), values.length > 0 && h("b", {}, t("health.plot.now", { value: number(last, 3) })));
  if (values.length < 2) return h("figure.plot", {}, head, h("p.quiet.plot-none", {}, t("health.plot.none")));
  const high = niceTop(Math.max(...values));
  const times = samples.map((sample) => new Date(sample.at).getTime());
  const [from, to] = [times[0], times.at(-1)];
  const x = (time) => SIZE.left + ((time - from) / Math.max(to - from, 1)) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value) => SIZE.height - SIZE.bottom - (value / high) * (SIZE.height - SIZE.top - SIZE.bottom);
  const label = t("health.plot.summary", { title, value: number(last, 3), low: number(Math.min(...values), 3), high: number(Math.max(...values), 3) });
  const area = h("svg:svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": label });
  for (let step = 0; step <= LINES; step++) {
    const value = (high * step) / LINES;
    area.append(
      h("svg:line", { class: "grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(value), y2: y(value) }),
      h("svg:text", { class: "tick", x: SIZE.left - 8, y: y(value) + 5, "text-anchor": "end" }, number(value, 3)));
  }
  for (let step = 0; step <= 4; step++) {
    const time = from + ((to - from) * step) / 4;
    const anchor = step === 0 ? "start" : step === 4 ? "end" : "middle";
    area.append(h("svg:text", { class: "tick", x: x(time), y: SIZE.height - 8, "text-anchor": anchor }, clockMinutes(time)));
  }
  for (const piece of pieces(samples, key)) {
    const points = thin(piece).map((sample) => `${x(new Date(sample.at).getTime()).toFixed(1)},${y(sample[key]).toFixed(1)}`);
    area.append(points.length === 1
      ? h("svg:circle", { class: "dot", cx: points[0].split(",")[0], cy: points[0].split(",")[1], r: 2.5 })
      : h("svg:polyline", { class: "curve", points: points.join(" ") }));
  }
  return h("figure.plot", {}, head, area);
}

/** Runs of samples without a gap. */
function pieces(samples, key) {
  const runs = [[]];
  for (const sample of samples) {
    if (sample[key] === null || sample[key] === undefined) runs.push([]);
    else runs.at(-1).push(sample);
  }
  return runs.filter((piece) => piece.length);
}

/** At most about 700 points: more are not seen. */
function thin(piece) {
  const step = Math.ceil(piece.length / 700);
  return piece.filter((_, index) => index % step === 0 || index === piece.length - 1);
}

/** The next round number above. */
function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((top) => top >= value * 1.02) ?? 12 * power;
}
