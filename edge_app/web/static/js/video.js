// The live picture: a row of messages over one request, each a JSON header with the frame's number and a JPEG.
import { h } from "./dom.js";

const RETRY_MS = 1500;
const SILENT_MS = 5000; // a message comes at least every 2 s, with a picture or without

/** Draws live frames on a canvas; dispatches "frame" with {sequence, captured_at, width, height, frozen}. */
export class Video extends EventTarget {
  #abort = null;
  #retry = null;
  #decoding = false;
  /** Of the picture shown; null before the first. */
  frame = null;

  constructor(label) {
    super();
    this.canvas = h("canvas.video", { role: "img", "aria-label": label });
    this.context = this.canvas.getContext("2d", { alpha: false });
  }

  /** Begins, or begins anew. */
  start() {
    this.stop();
    const abort = (this.#abort = new AbortController());
    this.#read(abort).catch(() => {}).then(() => {
      if (!abort.signal.aborted || abort.silent) this.#retry = setTimeout(() => this.start(), RETRY_MS);
    });
  }

  /** Ends the request: the box makes pictures only for those who look. */
  stop() {
    clearTimeout(this.#retry);
    this.#abort?.abort();
  }

  async #read(abort) {
    let watch = setTimeout(() => giveUp(abort), SILENT_MS);
    try {
      const response = await fetch("/api/live.frames", { credentials: "same-origin", signal: abort.signal });
      if (!response.ok) return;
      const messages = new Messages(response.body.getReader());
      for (;;) {
        const header = await messages.next();
        const jpeg = await messages.next();
        clearTimeout(watch);
        watch = setTimeout(() => giveUp(abort), SILENT_MS);
        if (jpeg.length) this.#show(JSON.parse(new TextDecoder().decode(header)), jpeg);
      }
    } finally {
      clearTimeout(watch);
    }
  }

  /** Decodes and draws; while one is being decoded, others are left out: the newest matters. */
  async #show(frame, jpeg) {
    if (this.#decoding) return;
    this.#decoding = true;
    try {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
        [this.canvas.width, this.canvas.height] = [bitmap.width, bitmap.height];
      }
      this.context.drawImage(bitmap, 0, 0);
      bitmap.close();
      this.frame = frame;
      this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    } catch {
      // a picture that cannot be decoded is left out; the next one comes
    } finally {
      this.#decoding = false;
    }
  }
}

function giveUp(abort) {
  abort.silent = true;
  abort.abort();
}

/** Cuts a byte stream into messages: four bytes of length, then so many bytes. */
class Messages {
  #chunks = [];
  #bytes = 0;

  constructor(reader) {
    this.reader = reader;
  }

  async next() {
    const head = await this.#take(4);
    return this.#take(new DataView(head.buffer, head.byteOffset, 4).getUint32(0));
  }

  async #take(count) {
    while (this.#bytes < count) {
      const { done, value } = await this.reader.read();
      if (done) throw new Error("the stream has ended");
      this.#chunks.push(value);
      this.#bytes += value.length;
    }
    const taken = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const chunk = this.#chunks[0];
      const part = chunk.subarray(0, count - at);
      taken.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#bytes -= count;
    return taken;
  }
}
