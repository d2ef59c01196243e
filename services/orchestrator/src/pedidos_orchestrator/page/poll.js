// What the stream does not tell is asked for: one question at a time, and none while hidden.

const LONGEST_WAIT_MS = 30_000;
const failing = new Map();
const listeners = new Set();

/** Call with `Map(what -> error)` of the polls that fail, whenever that changes. */
export function onFailing(listener) {
  listeners.add(listener);
}

function note(name, error) {
  if (error) failing.set(name, error);
  else if (!failing.delete(name)) return;
  for (const listener of listeners) listener(failing);
}

/** Call `read` every so often; the function that is given back calls it at once. */
export function poll(name, everyMs, read) {
  let timer = 0;
  let busy = false;
  let again = false;
  let wait = everyMs;

  async function turn() {
    clearTimeout(timer);
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      await read();
      wait = everyMs;
      note(name, null);
    } catch (error) {
      wait = Math.max(Math.min(wait * 2, LONGEST_WAIT_MS), error.waitMs ?? 0);
      note(name, error);
    }
    busy = false;
    if (again) turn();
    else if (!document.hidden) timer = setTimeout(turn, wait);
  }

  document.addEventListener("visibilitychange", () => document.hidden || turn());
  turn();
  return turn;
}
