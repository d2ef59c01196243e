// Two runs side by side: every field in which they differ.
import { get } from "./api.js";
import { by, el, show, write } from "./dom.js";
import { NONE, count, duration, short, shown, speed } from "./format.js";
import { notice } from "./notices.js";

const AT_MOST = 60;
const TWICE = new Set(["plan.quantity", "plan.seed"]); // also told without the plan
const NAMES = {
  phase: "End",
  quantity: "Orders",
  seed: "Seed",
  source: "Source",
  generationTimeMs: "Time of generation",
  enqueueVipTimeMs: "Time of enqueueing VIP",
  enqueueNormalTimeMs: "Time of enqueueing NORMAL",
  processingTimeVIPMs: "Time of processing VIP",
  processingTimeNormalMs: "Time of processing NORMAL",
  totalProcessedVIP: "VIP orders processed",
  totalProcessedNormal: "NORMAL orders processed",
  totalFailedVIP: "VIP orders failed",
  totalFailedNormal: "NORMAL orders failed",
  totalTimeMs: "Total time",
  "plan.chunks": "Chunks",
  "plan.chunkSize": "Orders in a chunk",
  "plan.batchSize": "Orders in a batch",
  "throughput.vip": "VIP orders a second",
  "throughput.normal": "NORMAL orders a second",
  "throughput.overall": "Orders a second",
};

/** The function that is given back shows two runs by their ids, the older one first. */
export function comparison() {
  by("comparison-close").addEventListener("click", () => {
    show(by("comparison"), false);
    by("compare").focus();
  });
  return async (a, b) => {
    try {
      draw(a, b, await get(`pedidos/runs/${encodeURIComponent(a)}/compare/${encodeURIComponent(b)}`));
    } catch (problem) {
      notice(`The runs were not compared: ${problem.message}`, "bad");
    }
  };
}

function draw(a, b, { differences }) {
  const found = Object.entries(differences).filter(([name]) => !TWICE.has(name));
  const more = found.length > AT_MOST ? ` (the first ${AT_MOST} of ${found.length})` : "";
  const title = found.length ? `Where the two runs differ${more}` : "The two runs differ in nothing";
  write(by("comparison-title"), title);
  write(by("comparison-a"), `A ${short(a)}`);
  write(by("comparison-b"), `B ${short(b)}`);
  by("differences").replaceChildren(...found.slice(0, AT_MOST).map(row));
  show(by("comparison"), true);
  by("comparison-title").focus();
}

function row([name, { a, b, ratio }]) {
  const cell = (label, text) => el("td", { class: "num", "data-label": label }, text);
  const label = NAMES[name] ?? name;
  return el(
    "tr",
    {},
    el("th", { scope: "row", class: "lead" }, shown(label, 80)),
    cell("A", value(name, a)),
    cell("B", value(name, b)),
    el("td", { class: "bars" }, ...(isMeasure(name, ratio) ? bars(a, b) : [])),
    cell("B ÷ A", isMeasure(name, ratio) ? `× ${ratio.toFixed(2)}` : NONE),
  );
}

const isMeasure = (name, ratio) => ratio !== null && name !== "seed";

function bars(a, b) {
  const max = Math.max(Math.abs(a), Math.abs(b)) || 1;
  const bar = (kind, found) => el("progress", { class: kind, max, value: Math.abs(found), "aria-hidden": "true" });
  return [bar("a", a), bar("b", b)];
}

function value(name, found) {
  if (found === null || found === undefined) return NONE;
  if (name.endsWith("TimeMs") || name.endsWith("VIPMs") || name.endsWith("NormalMs")) return duration(found);
  if (name.startsWith("throughput.")) return speed(found);
  if (name === "seed" || typeof found !== "number") return shown(String(found), 80);
  return Number.isInteger(found) ? count(found) : String(found);
}
