// The text of server-sent events, piece by piece.

const LONGEST = 1_000_000;

/** Takes pieces of a stream, and calls `onEvent(name, data)` and `onRetry(ms)`. */
export class EventParser {
  #rest = "";
  #name = "";
  #data = [];
  #handlers;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Take the next piece. */
  push(piece) {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    if (this.#rest.length > LONGEST) throw new Error("an event of the stream has no end");
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") {
      this.#end();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#name = value;
    if (field === "data") this.#data.push(value);
    if (field === "retry" && /^\d+$/.test(value)) this.#handlers.onRetry(Number(value));
  }

  #end() {
    if (this.#data.length) this.#handlers.onEvent(this.#name || "message", this.#data.join("\n"));
    this.#name = "";
    this.#data = [];
  }
}
