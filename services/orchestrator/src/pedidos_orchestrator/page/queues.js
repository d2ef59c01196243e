// Each queue by itself; nothing of it is shown while there are runs alone.
import { get } from "./api.js";
import { by, el, keyed, show, write } from "./dom.js";
import { NONE, count, duration, shown } from "./format.js";
import { poll } from "./poll.js";

const EVERY_MS = 5_000;
const OF_RUNS = new Set(["generation", "orders", "notifications"]);
const COUNTS = ["waiting", "active", "delayed", "failed"];
const LABELS = { waiting: "Waiting", active: "Active", delayed: "Delayed", failed: "Failed", oldest: "Oldest waits", workers: "Workers" };
const MOST_REASONS = 10;
const STATUS = { running: "healthy", paused: "paused", draining: "paused" };

/**
 * Follow the queues; the function that is given back looks at once. `onCheckout` is told each time
 * whether checkout is set up.
 */
export function queuesCard(onCheckout) {
  const draw = keyed(by("queues"), (one) => one.queue, row);
  const drawReasons = keyed(by("queues-reasons"), (text) => text, (text) => ({ node: el("li", {}, shown(text)) }));
  return poll("queues", EVERY_MS, async () => {
    const { queues, countedUpTo, checkout } = await get("api/queues");
    const reasons = queues.flatMap((one) => one.reasons).slice(0, MOST_REASONS);
    draw(queues.map((one) => ({ ...one, countedUpTo })));
    drawReasons(reasons);
    show(by("queues-reasons"), reasons.length > 0);
    show(by("queues-card"), queues.some(isSeen));
    onCheckout(checkout);
  });
}

/** Whether the queue is none of runs', and has had work or needs a look. */
function isSeen(one) {
  const had = one.completed > 0 || COUNTS.some((name) => one[name] > 0);
  return !OF_RUNS.has(one.queue) && (had || !one.healthy || one.state !== "running");
}

function verdict({ state, unserved, stuck, overLimit }) {
  if (unserved) return "no worker";
  if (stuck) return "stuck";
  return overLimit ? "over its limit" : state;
}

function row({ queue }) {
  const pill = el("span", { class: "pill" });
  const cells = new Map(Object.entries(LABELS).map(([name, label]) => [name, el("td", { class: "num", "data-label": label })]));
  return {
    node: el("tr", {}, el("th", { scope: "row", class: "lead" }, shown(queue, 80)), el("td", { class: "side" }, pill), ...cells.values()),
    update(one) {
      write(pill, shown(verdict(one), 20));
      pill.dataset.status = one.healthy ? STATUS[one.state] ?? "" : "error";
      for (const name of COUNTS) write(cells.get(name), count(one[name]) + (one[name] === one.countedUpTo ? "+" : ""));
      cells.get("failed").classList.toggle("bad", one.failed > 0);
      write(cells.get("oldest"), one.waiting ? duration(one.oldestAgeMs) : NONE);
      write(cells.get("workers"), count(one.workers));
    },
  };
}
