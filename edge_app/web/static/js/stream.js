// What the box tells while it happens, and whether it still tells anything.

const SILENT_MS = 5000; // the box says its state at least every 2 s
const RETRY_MS = 2000;

/** Server-Sent Events with a watchdog: a dead network is noticed after 5 s and tried again for as long as it takes. */
export class Stream extends EventTarget {
  #source = null;
  #heard_ms = 0;
  #timer = null;
  #retry = null;
  /** The newest LiveState; null before the first. */
  live = null;
  /** The newest ReportView. */
  report = null;
  connected = null;

  start() {
    this.stop();
    this.#heard_ms = Date.now();
    this.#open();
    this.#timer = setInterval(() => this.#watch(), 500);
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    const source = (this.#source = new EventSource("/api/stream"));
    const hear = (kind, keep = () => {}) =>
      source.addEventListener(kind, (message) => {
        this.#heard_ms = Date.now();
        const data = JSON.parse(message.data);
        keep(data);
        this.#connect(true);
        this.dispatchEvent(new CustomEvent(kind, { detail: data }));
      });
    hear("state", (live) => (this.live = live));
    hear("report", (report) => (this.report = report));
    hear("event");
    hear("opinion");
    hear("delivery");
    hear("bye");
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    };
  }

  #reopen() {
    this.#source?.close();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    this.dispatchEvent(new CustomEvent("refused")); // the session may have ended
  }

  #watch() {
    const silent_ms = Date.now() - this.#heard_ms;
    if (silent_ms > SILENT_MS) this.#connect(false);
    if (silent_ms > SILENT_MS && silent_ms % (2 * RETRY_MS) < 500) this.#reopen();
  }

  #connect(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    this.dispatchEvent(new CustomEvent("connection", { detail: connected }));
  }
}
