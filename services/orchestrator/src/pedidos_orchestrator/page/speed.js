// How fast a count rises, by the times at which it was seen.

const WINDOW_MS = 4_000;
const LEAST_MS = 200;

/** Orders a second over the last seconds. */
export class Speedometer {
  #seen = [];

  /** Note a count; its speed, or null as long as there is no basis. */
  read(atMs, value) {
    const last = this.#seen.at(-1);
    if (last && value < last[1]) this.#seen = []; // another run, or a reset
    this.#seen.push([atMs, value]);
    while (this.#seen.length > 2 && atMs - this.#seen[0][0] > WINDOW_MS) this.#seen.shift();
    const [firstAt, first] = this.#seen[0];
    return atMs - firstAt > LEAST_MS ? ((value - first) * 1000) / (atMs - firstAt) : null;
  }
}
