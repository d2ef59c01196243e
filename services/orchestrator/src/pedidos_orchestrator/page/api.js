// The HTTP API as it stands. Paths are relative, so that the page also works behind a prefix.
import { keyHeaders, noteReadOnly } from "./key.js";

const READ_MS = 15_000;
const WRITE_MS = 120_000; // a reset deletes millions of orders

const SCOPE_TOO_SMALL = "/problems/scope-too-small";

/** What went wrong, in the API's own words; `status` is 0 where nothing answered. */
export class Problem extends Error {
  constructor(status, detail, waitMs = 0) {
    super(detail);
    this.status = status;
    this.waitMs = waitMs; // how long the API wants to be left in peace
  }

  /** Whether another key is what helps. */
  get wantsKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** The address of a path of the API; parameters that are null are left out. */
export function address(path, params = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/** The object at `path`. */
export const get = (path, params) => ask(address(path, params), { method: "GET" }, READ_MS);

/** What a POST answers. */
export function post(path, params, body) {
  const options = { method: "POST" };
  if (body) Object.assign(options, { body: JSON.stringify(body), json: true });
  return ask(address(path, params), options, WRITE_MS);
}

async function ask(url, { json, ...options }, limitMs) {
  const headers = { accept: "application/json", ...keyHeaders() };
  if (json) headers["content-type"] = "application/json";
  let answer;
  try {
    const signal = AbortSignal.timeout(limitMs);
    answer = await fetch(url, { ...options, headers, signal, cache: "no-store" });
    if (answer.ok) return await answer.json();
  } catch (error) {
    throw new Problem(0, lost(error, limitMs));
  }
  throw await problemOf(answer);
}

function lost(error, limitMs) {
  if (error.name !== "TimeoutError") return "the orchestrator does not answer";
  return `no answer within ${limitMs / 1000} s: it may still be at work, see the run above`;
}

/** The problem that a response tells. */
export async function problemOf(answer) {
  const waitMs = Number(answer.headers.get("retry-after")) * 1000 || 0;
  try {
    const { detail, type } = await answer.json();
    if (type === SCOPE_TOO_SMALL) noteReadOnly();
    return new Problem(answer.status, detail ?? answer.statusText, waitMs);
  } catch {
    return new Problem(answer.status, `${answer.status} ${answer.statusText}`, waitMs);
  }
}
