// One checkout as it goes through its steps, live until it has ended.
import { get } from "./api.js";
import { by, el, keyed, show, write } from "./dom.js";
import { NONE, clock, count, counted, duration, moment, sentence, shown } from "./format.js";
import { announce } from "./notices.js";
import { follow } from "./stream.js";

const NAMED = 5;
// mails and stock come behind an end, which the stream does not wait for: so many looks at them
const LATER_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
const FACTS = ["order", "total", "placed", "took", "retries"];
const PILLS = { processing: "active", running: "active", completed: "done", failed: "error", retrying: "degraded", cancelled: "aborted" };
const MONEY = {
  not_taken: "No money was taken.",
  pending: "The money is on its way back.",
  returned: "The money was given back.",
};
const over = ({ status }) => status === "completed" || status === "failed";

/** The part of one checkout; `see(id)` follows it, `close()` ends that. */
export function checkoutPart({ onClose }) {
  const facts = new Map(FACTS.map((name) => [name, fact(by("checkout-facts"), name)]));
  const draw = keyed(by("steps"), (one) => one.step, row);
  let stop = () => {};

  function close() {
    stop();
    show(by("checkout"), false);
    show(by("checkout-error"), false);
  }

  function fail(text) {
    close();
    write(by("checkout-error"), text);
    show(by("checkout-error"), true);
  }

  function see(id) {
    close();
    begin(id);
    let state = null;
    const path = `api/orders/status/${encodeURIComponent(id)}`;
    const look = (next) => {
      if (next.message !== state?.message) announce(`Checkout: ${sentence(next.message)}`);
      state = next;
      draw(next.steps.map((step) => ({ ...step, end: over(next) ? next.status : "" })));
      present(next, facts);
    };
    const end = () => {
      stop();
      write(by("checkout-link"), "");
      stop = later(path, look, state);
    };
    const onState = (next) => {
      if (!next.jobId) return fail("It was deleted while it was followed.");
      look(next);
      if (isFinal(next)) end();
      return undefined;
    };
    const onLink = (link) => {
      if (link.status === 404) fail(`${sentence(link.detail)} Look whether all of it is there; a checkout that was never taken in has none.`);
      else {
        write(by("checkout-link"), wordsOf(link, state));
        if (link.kind === "waiting") announce(by("checkout-link").textContent);
      }
    };
    stop = follow({ path: `${path}/stream`, onState, onLink });
  }

  by("checkout-close").addEventListener("click", () => {
    close();
    onClose();
  });
  return { see, close, fail };

  function begin(id) {
    draw([]);
    for (const value of facts.values()) write(value, NONE);
    write(by("checkout-id"), id);
    write(by("checkout-state"), "");
    write(by("checkout-title"), "Looking for it …");
    write(by("checkout-items"), "");
    by("checkout-progress").value = 0;
    delete by("checkout-progress").dataset.status;
    show(by("checkout-state"), false);
    show(by("steps-box"), false);
    show(by("checkout"), true);
  }
}

/** Whether neither state nor money changes any more. */
const isFinal = (state) => over(state) && state.money !== "pending";

/** Whether a step that was begun, or still comes, has not ended. */
function isOpen({ status, steps }) {
  return steps.some((step) => !step.endedAt && (step.status !== "waiting" || status === "completed"));
}

/** Look a few more times at what comes behind the end; what is given back ends that. */
function later(path, look, state) {
  let timer = 0;
  let ended = false;
  const turn = (waits) => {
    if (ended || !isOpen(state)) return;
    const [wait, ...rest] = waits;
    if (wait === undefined) {
      write(by("checkout-link"), `Steps that are not over are as of ${clock(new Date().toISOString())}: follow it again to look again.`);
      return;
    }
    timer = setTimeout(async () => {
      try {
        const next = await get(path);
        if (ended) return;
        state = next;
        look(next);
      } catch {
        // the next look shows it
      }
      turn(rest);
    }, wait);
  };
  turn(LATER_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

function wordsOf({ kind, detail }, state) {
  if (kind === "live") return "Live";
  if (kind === "connecting") return state ? by("checkout-link").textContent : "Connecting …";
  const what = kind === "locked" ? "The API wants a key" : "No live connection";
  return `${what}: ${shown(detail ?? "it was cut")}. It is tried again${state ? "; what you see may be old" : ""}.`;
}

function present(state, facts) {
  const { order } = state;
  const pill = by("checkout-state");
  write(pill, shown(state.status, 20));
  pill.dataset.status = PILLS[state.status] ?? "";
  show(pill, true);
  write(by("checkout-title"), sentence(state.message));
  write(by("checkout-items"), order ? itemsOf(order) : MONEY[state.money] ?? "");
  const bar = by("checkout-progress");
  bar.value = state.progress;
  bar.dataset.status = over(state) ? PILLS[state.status] : "";
  write(facts.get("order"), order?.orderNumber ? shown(order.orderNumber, 40) : NONE);
  write(facts.get("total"), order ? totalOf(order) : NONE);
  write(facts.get("placed"), moment(state.createdAt));
  write(facts.get("took"), over(state) ? duration(state.processingTime) : NONE);
  write(facts.get("retries"), count(state.retryCount));
  show(by("steps-box"), state.steps.length > 0);
}

/** `24.60 EUR`. */
export const totalOf = ({ total, currency }) => `${shown(total, 20)} ${shown(currency, 10)}`;

function itemsOf({ items }) {
  const named = items.slice(0, NAMED).map((item) => `${count(item.quantity)} × ${shown(item.name, 80)}`);
  const more = items.length - named.length;
  return named.join(", ") + (more ? `, and ${counted(more, "more product")}` : "");
}

function fact(parent, name) {
  const value = el("dd", {}, NONE);
  parent.append(el("div", {}, el("dt", {}, name), value));
  return value;
}

/** How a step stands, and the kind of its pill. */
function standing({ status, outcome, end }) {
  if (status === "waiting") return [end === "failed" ? "not reached" : "to come", ""];
  if (status === "succeeded") {
    return outcome && outcome !== "done" ? [outcome.replaceAll("_", " "), "error"] : ["done", "done"];
  }
  return [status === "failed" ? "given up" : status, PILLS[status] ?? ""];
}

function row({ step }) {
  const pill = el("span", { class: "pill" });
  const cell = (label) => el("td", { class: "num", "data-label": label });
  const [retries, queued, waited, took] = ["Retries", "Queued at", "Waited", "Took"].map(cell);
  const name = el("th", { scope: "row", class: "lead step" }, shown(step, 40).replaceAll("-", " "));
  const between = (from, to) => (from && to ? duration(Math.max(0, Date.parse(to) - Date.parse(from))) : NONE);
  return {
    node: el("tr", {}, name, el("td", { class: "side" }, pill), retries, queued, waited, took),
    update(one) {
      const [words, kind] = standing(one);
      write(pill, shown(words, 40));
      pill.dataset.status = kind;
      const known = (text) => (one.queuedAt ? text : "");
      write(retries, known(count(one.retryCount)));
      write(queued, known(clock(one.queuedAt)));
      write(waited, known(between(one.queuedAt, one.startedAt)));
      write(took, known(between(one.startedAt, one.endedAt)));
    },
  };
}
