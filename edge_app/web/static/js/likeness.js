// Whether the picture that is shown is still the one that a report is about. Reports on a moving picture come every second or
// so; on one that stands still there is but one, however long it stays.

const SIZE = { width: 32, height: 18 };
const REMEMBERED = 200; // pictures, about 13 s
const CUT = 9; // gray levels by which two pictures differ on average if the scanner shows something else
const MOVED = 2.5; // the same for a picture that moves: between two phases of a heartbeat, above a converter's noise
const OLD_MS = 6000; // results of a moving picture are not shown for longer

/** Remembers coarse pictures by their number in the stream. */
export class Likeness {
  #kept = new Map();
  #canvas = new OffscreenCanvas(SIZE.width, SIZE.height);
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #newest = null;

  /** Learns a picture that is shown. */
  see(sequence, canvas) {
    this.#context.drawImage(canvas, 0, 0, SIZE.width, SIZE.height);
    const { data } = this.#context.getImageData(0, 0, SIZE.width, SIZE.height);
    this.#newest = Uint8Array.from({ length: data.length / 4 }, (_, pixel) => (data[4 * pixel] + 2 * data[4 * pixel + 1] + data[4 * pixel + 2]) / 4);
    this.#kept.set(sequence, this.#newest);
    if (this.#kept.size > REMEMBERED) this.#kept.delete(this.#kept.keys().next().value);
  }

  /** True if what is shown now is no longer what frame `sequence` showed, `age_ms` ago. */
  isOther(sequence, age_ms) {
    const then = this.#kept.get(this.#nearest(sequence));
    if (!then || !this.#newest) return false; // it came before this page was opened
    const difference = then.reduce((sum, level, pixel) => sum + Math.abs(level - this.#newest[pixel]), 0) / then.length;
    return difference > CUT || (difference > MOVED && age_ms > OLD_MS);
  }

  /** The remembered picture closest in the stream; not every picture is shown. */
  #nearest(sequence) {
    let best = null;
    for (const kept of this.#kept.keys()) if (best === null || Math.abs(kept - sequence) < Math.abs(best - sequence)) best = kept;
    return best;
  }
}

/** True if the newest picture was recognised as something that a report on it cannot be about. */
export function contradicts(now, report) {
  if (!now || report.amends) return false;
  if (now.decision === "rejected" || report.classification.decision === "rejected") return now.decision !== report.classification.decision;
  return !now.prediction_set.some((category) => report.classification.prediction_set.includes(category));
}
