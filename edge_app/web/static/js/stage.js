// The picture with what was found drawn over it: the frame's proportions, as large as the room allows.
import { h } from "./dom.js";
import { Choice, draw, layersOf } from "./overlays.js";

/** Overlays switched on and off, for every page. */
export const choice = new Choice();

/** A picture and its overlays. `media` is an <img>, or nothing. */
export class Stage {
  #report = null;
  #area = { x: 0, y: 0, width: 16, height: 9 };

  constructor(media, ...over) {
    this.svg = h("svg:svg", { class: "overlays", "aria-hidden": "true" });
    this.frame = h("div.frame", {}, media, this.svg);
    this.element = h("div.stage", {}, this.frame, ...over);
    this.redraw = () => draw(this.svg, layersOf(this.#report), choice, this.#area);
    choice.addEventListener("change", this.redraw);
    this.observer = new ResizeObserver(this.redraw);
    this.observer.observe(this.frame);
  }

  /** Shows a part of the frame, in its pixels. */
  setArea(area) {
    if (["x", "y", "width", "height"].every((key) => this.#area[key] === area[key])) return;
    this.#area = area;
    this.frame.style.setProperty("--ratio", String(area.width / area.height));
    this.redraw();
  }

  /** Draws a report's overlays; null: none. */
  setReport(report) {
    this.#report = report;
    this.redraw();
  }

  close() {
    choice.removeEventListener("change", this.redraw);
    this.observer.disconnect();
  }
}
