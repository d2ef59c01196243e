// The status as it changes. EventSource can't send a key, so the stream is read with fetch.
import { address, problemOf } from "./api.js";
import { keyHeaders, onKey } from "./key.js";
import { EventParser } from "./sse.js";

const SILENT_MS = 45_000; // three of the server's heartbeats
const LONGEST_WAIT_MS = 30_000;

/**
 * Follow the stream at `path` until the function that is given back is called. `onState` gets each
 * status; `onLink` gets `{ kind, detail, status, at }`: connecting, live, locked (a key is needed)
 * or waiting (until `at`).
 */
export function follow({ path, onState, onLink }) {
  const over = new AbortController();
  const until = { signal: over.signal };
  let retryMs = 2_000;
  let failures = 0;
  let wake = () => {};
  let cut = () => {};

  const sleep = (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const hurry = () => wake();
  const renew = () => {
    failures = 0;
    cut();
    hurry();
  };
  const forget = onKey(renew);
  addEventListener("online", hurry, until);
  document.addEventListener("visibilitychange", () => document.hidden || hurry(), until);

  const seen = (state) => {
    if (over.signal.aborted) return;
    failures = 0;
    onLink({ kind: "live" });
    onState(state);
  };
  const setRetry = (ms) => {
    retryMs = Math.min(Math.max(ms, 500), LONGEST_WAIT_MS);
  };

  async function once() {
    const breaker = new AbortController();
    cut = () => breaker.abort();
    return read(path, breaker, { onRetry: setRetry, onState: seen });
  }

  async function turn() {
    onLink({ kind: "connecting" });
    const problem = await once();
    if (over.signal.aborted) return;
    if (problem?.status === 401) {
      onLink({ kind: "locked", detail: problem.message });
      await sleep(LONGEST_WAIT_MS);
      return;
    }
    // watchers that were cut together must not come back together
    const least = Math.max(Math.min(retryMs * 2 ** failures, LONGEST_WAIT_MS), problem?.waitMs ?? 0);
    const wait = least * (1 + Math.random() / 2);
    failures = Math.min(failures + 1, 8);
    const { message: detail, status } = problem ?? {};
    onLink({ kind: "waiting", detail, status, at: performance.now() + wait });
    if (!over.signal.aborted) await sleep(wait);
  }

  (async () => {
    while (!over.signal.aborted) await turn();
  })();
  return () => {
    over.abort();
    forget();
    cut();
    hurry();
  };
}

/** Read one connection to its end; the problem that ended it, or undefined. */
async function read(path, breaker, { onRetry, onState }) {
  let watchdog = setTimeout(() => breaker.abort(), SILENT_MS);
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => breaker.abort(), SILENT_MS);
  };
  const onEvent = (name, data) => name === "status" && onState(JSON.parse(data));
  try {
    const headers = { accept: "text/event-stream", ...keyHeaders() };
    const options = { headers, signal: breaker.signal, cache: "no-store" };
    const answer = await fetch(address(path), options);
    if (!answer.ok) return await problemOf(answer);
    const parser = new EventParser({ onRetry, onEvent });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      alive();
      parser.push(value);
    }
  } catch {
    return undefined; // cut, by either side: the next turn shows whether it is back
  } finally {
    clearTimeout(watchdog);
    breaker.abort();
  }
}
