// The queue's health and counts, the servers' room, and who is at work.
import { get } from "./api.js";
import { by, el, keyed, show, write } from "./dom.js";
import { NONE, count, shown, size } from "./format.js";
import { poll } from "./poll.js";

const EVERY_MS = 2_000;
const MOST_WORKERS = 100;
const MOST_WARNINGS = 10;
const COUNTS = ["waiting", "active", "delayed", "completed", "failed", "cancelled"];
const STORES = { redis_memory: "Redis memory", mongo_disk: "MongoDB disk" };
const SOMETHING_FAILED = "An order or a job failed for good: see the dead letters.";

/** Follow the queue; the function that is given back looks at once. */
export function queueCard() {
  const tiles = COUNTS.map((name) => [name, tile(name)]);
  const drawWorkers = keyed(by("workers"), (one) => one.name, worker);
  const drawRoom = keyed(by("room"), (one) => one.store, room);
  const drawWarnings = keyed(by("warnings"), (text) => text, (text) => ({ node: el("li", {}, shown(text)) }));
  return poll("queue and workers", EVERY_MS, async () => {
    const [health, queue] = await Promise.all([get("pedidos/health/queue"), get("pedidos/queue/status")]);
    verdict(health);
    const warnings = warningsOf(health);
    drawWarnings(warnings);
    show(by("warnings"), warnings.length > 0);
    for (const [name, draw] of tiles) draw(queue[name], queue.countedUpTo);
    write(by("rings"), ringsOf(queue.rings));
    drawRoom(health.room);
    drawWorkers(health.workers.slice(0, MOST_WORKERS));
    totals(health.workers);
  });
}

function verdict({ status, isStuck }) {
  const pill = by("health");
  pill.dataset.status = status;
  write(pill, isStuck ? `${status}: stuck` : status);
}

function ringsOf(rings) {
  const parts = Object.entries(rings).map(([queue, depth]) => `${queue} ${depth === null ? "unknown" : count(depth)}`);
  return `Held by Redis: ${parts.join(", ")}`;
}

/** Why the verdict is not the best one: it never stands there without a reason. */
function warningsOf({ status, warnings, hasFailedJobs }) {
  const own = status === "degraded" && hasFailedJobs ? [SOMETHING_FAILED] : [];
  return [...warnings.slice(0, MOST_WARNINGS), ...own];
}

function room({ store }) {
  const name = STORES[store] ?? shown(store, 40);
  const bar = el("progress", { class: "room", "aria-label": name });
  const words = el("span", { class: "muted small" });
  return {
    node: el("li", {}, el("span", {}, name), words, bar),
    update({ usedBytes, totalBytes, nearlyFull }) {
      bar.max = Math.max(1, totalBytes);
      bar.value = usedBytes;
      bar.classList.toggle("full", nearlyFull);
      write(words, `${size(usedBytes)} of ${size(totalBytes)}${nearlyFull ? ", nearly full" : ""}`);
    },
  };
}

function tile(name) {
  const value = el("dd", {}, NONE);
  by("counts").append(el("div", { "data-count": name }, el("dt", {}, name), value));
  return (number, most) => {
    write(value, count(number) + (number >= most ? "+" : ""));
    value.classList.toggle("bad", name === "failed" && number > 0);
  };
}

function totals(workers) {
  const busy = workers.reduce((sum, one) => sum + one.busy, 0);
  const slots = workers.reduce((sum, one) => sum + one.slots, 0);
  const more = workers.length > MOST_WORKERS ? `, the first ${MOST_WORKERS} shown` : "";
  const words = `${count(busy)} of ${count(slots)} slots in use${more}`;
  write(by("workers-total"), workers.length ? `${count(workers.length)} live, ${words}` : "");
  show(by("workers-box"), workers.length > 0);
  show(by("workers-empty"), workers.length === 0);
  write(by("workers-empty"), "No process is alive: nothing is worked off.");
}

function worker(first) {
  const queues = el("td", { "data-label": "Queues" });
  const bar = el("progress", { class: "slots", "aria-label": `Slots in use of ${shown(first.name, 80)}` });
  const words = el("span", { class: "small" });
  const age = el("td", { class: "num side", "data-label": "Heard" });
  const name = el("td", { class: "mono wrap lead" }, shown(first.name, 80));
  const slots = el("td", { "data-label": "Slots" }, el("span", { class: "meter" }, bar, words));
  return {
    node: el("tr", {}, name, queues, slots, age),
    update(one) {
      write(queues, shown(one.queues.join(", "), 100) || NONE);
      bar.max = Math.max(1, one.slots);
      bar.value = one.busy;
      show(bar, one.slots > 0);
      write(words, one.slots ? `${one.busy} of ${one.slots}` : "takes no jobs");
      write(age, `${one.ageSeconds.toFixed(1)} s ago`);
    },
  };
}
