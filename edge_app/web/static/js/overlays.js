// Draws what the modules found over the picture, in pixels of the source frame.
import { h } from "./dom.js";
import { nameOf } from "./texts.js";

// Told apart by colour-blind eyes on gray; each has its own dashes too.
const STYLES = [
  { colour: "#ffd23f", dash: "" },
  { colour: "#5cc8ff", dash: "12 5" },
  { colour: "#ff8c69", dash: "3 5" },
  { colour: "#7be0b8", dash: "16 4 3 4" },
  { colour: "#d9a6ff", dash: "6 4" },
  { colour: "#ffffff", dash: "2 3" },
];
const OFF_AT_FIRST = new Set(["text", "exposed_field"]); // found for other modules, and in the way here
const NAMED_FROM_PX = 480; // on a smaller picture the names would hide what they name
const KEY = "edge-cad.overlays";

/** Which overlays are switched on, by label; kept on this tablet. */
export class Choice extends EventTarget {
  #kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");

  isOn(label) {
    return this.#kept[label] ?? !OFF_AT_FIRST.has(label);
  }

  toggle(label) {
    this.#kept[label] = !this.isOn(label);
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
    this.dispatchEvent(new Event("change"));
  }
}

/** The overlays of a report by label: [{label, style, overlays}], in the order of the modules. */
export function layersOf(report) {
  const layers = new Map();
  for (const analysis of report?.analyses ?? []) {
    for (const overlay of analysis.overlays) {
      if (!layers.has(overlay.label)) layers.set(overlay.label, { label: overlay.label, module: analysis.module, overlays: [] });
      layers.get(overlay.label).overlays.push(overlay);
    }
  }
  const shapes = [...layers.values()];
  shapes.forEach((layer, index) => (layer.style = STYLES[index % STYLES.length]));
  return shapes;
}

/**
 * Draws layers into an SVG whose view box is the frame.
 * @param {SVGElement} svg
 * @param {Array} layers as of layersOf
 * @param {Choice} choice
 * @param {{x: number, y: number, width: number, height: number}} area what of the frame is shown
 * @param {boolean} alwaysNamed with the names, however small the picture is
 */
export function draw(svg, layers, choice, area, alwaysNamed = false) {
  svg.setAttribute("viewBox", `${area.x} ${area.y} ${area.width} ${area.height}`);
  svg.replaceChildren();
  const scale = area.width / (svg.clientWidth || area.width); // frame pixels per pixel of the page
  const named = alwaysNamed || svg.clientWidth >= NAMED_FROM_PX;
  for (const layer of layers.filter((entry) => choice.isOn(entry.label))) {
    const group = h("svg:g", { "data-label": layer.label });
    for (const overlay of layer.overlays) group.append(...shapesOf(overlay, layer.style));
    svg.append(group);
    const first = layer.overlays[0];
    if (named && first.kind !== "heatmap" && layer.overlays.length < 6) svg.append(labelOf(first, layer, area, scale));
  }
}

function shapesOf(overlay, style) {
  if (overlay.kind === "heatmap") return [heatmap(overlay)];
  const points = overlay.kind === "box" ? corners(overlay.points) : overlay.points;
  const tag = overlay.kind === "line" ? "svg:polyline" : "svg:polygon";
  const list = points.map((point) => point.join(",")).join(" ");
  const shape = (attributes) => h(tag, { points: list, fill: "none", "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round", ...attributes });
  return [
    shape({ stroke: "#000", "stroke-opacity": 0.65, "stroke-width": 5.5 }),
    shape({ class: "shape", "data-kind": overlay.kind, stroke: style.colour, "stroke-width": 2.5, "stroke-dasharray": style.dash || null }),
  ];
}

function corners([[x0, y0], [x1, y1]]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** Values from 0 to 1 as a picture: transparent, then yellow to red. */
function heatmap(overlay) {
  const { points: [[x0, y0], [x1, y1]], values } = overlay;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [values[0].length, values.length];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.flat().forEach((value, index) => pixels.data.set([255, 220 - 190 * value, 60 - 40 * value, 190 * value], 4 * index));
  context.putImageData(pixels, 0, 0);
  return h("svg:image", {
    class: "shape", "data-kind": "heatmap", href: canvas.toDataURL(), preserveAspectRatio: "none",
    x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0),
  });
}

function labelOf(overlay, layer, area, scale) {
  const size = 15 * scale;
  const below = overlay.kind === "line"; // a line often begins where an outline has its name
  const [[x0, y0], [x1, y1]] = overlay.points;
  const flat = below && Math.abs(x1 - x0) > Math.abs(y1 - y0);
  const end = flat ? [(x0 + x1) / 2 - size * 3, Math.max(y0, y1)] : overlay.points.reduce((best, point) => ((point[1] < best[1]) !== below ? point : best));
  const x = Math.min(Math.max(end[0], area.x + size), area.x + area.width - size * 8);
  const y = Math.min(Math.max(end[1] + (below ? 1.3 : -0.6) * size, area.y + size * 1.2), area.y + area.height - size * 0.5);
  return h("svg:text", { x, y, fill: layer.style.colour, "font-size": size, "stroke-width": size / 4 }, nameOf(layer.label));
}

/** Buttons that switch the layers on and off. */
export function switches(layers, choice) {
  return layers.map((layer) =>
    h("button.chip", { type: "button", "data-key": `layer-${layer.label}`, "aria-pressed": String(choice.isOn(layer.label)), onclick: () => choice.toggle(layer.label) },
      swatch(layer), h("span", {}, nameOf(layer.label))));
}

function swatch(layer) {
  const heat = layer.overlays[0].kind === "heatmap";
  return h("svg:svg", { class: "swatch", viewBox: "0 0 28 12", "aria-hidden": "true" },
    heat
      ? h("svg:rect", { x: 1, y: 1, width: 26, height: 10, rx: 3, fill: "#ff9a3c" })
      : h("svg:line", { x1: 1, y1: 6, x2: 27, y2: 6, stroke: layer.style.colour, "stroke-width": 3.5, "stroke-dasharray": layer.style.dash || null }));
}
