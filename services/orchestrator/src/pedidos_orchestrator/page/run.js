// The run: where it stands, how far both priorities are, how fast, and how long it still takes.
import { get } from "./api.js";
import { chart } from "./chart.js";
import { by, show, write } from "./dom.js";
import { figures } from "./figures.js";
import { clock, counted, shown } from "./format.js";
import { lane } from "./lane.js";
import { announce } from "./notices.js";
import { WORDS, isActive, timeline } from "./timeline.js";

const LANES = [
  ["in", "Orders in"],
  ["vip", "VIP processed"],
  ["normal", "NORMAL processed"],
];
const ENDS = { DONE: "Every order is final", ABORTED: "The run was cancelled", ERROR: "The run failed" };
const PROCESSED = ["vip", "normal"];
const rate = (orders, ms) => (orders && ms ? (orders * 1000) / ms : null);

/** The card of the run; `see(status)` takes each status, `tick()` lets the clock count. */
export function runCard() {
  const line = timeline(by("timeline"));
  const picture = chart(PROCESSED);
  const lanes = LANES.map(([name, label]) => lane(by("lanes"), name, label));
  let status = null;
  let record = null;

  function draw() {
    const moves = isActive(status.phase);
    headline(status, record);
    const speeds = partsOf(status).map((part, index) => lanes[index].draw(part, moves)).slice(1);
    figures(status, record, speeds.reduce((sum, one) => sum + (one ?? 0), 0));
    if (moves) picture.add(status.totalTimeMs ?? 0, speeds);
    line.draw(status.phase, record?.phases ?? [], status.totalTimeMs ?? 0);
  }

  /** The phases' times are in the run's record; asked for when the phase is another one. */
  async function readRecord(id) {
    try {
      const found = await get(`pedidos/runs/${encodeURIComponent(id)}`);
      if (status.lastRunId !== id) return;
      record = found;
      draw();
    } catch {
      // the next phase asks again; until then steps have no times
    }
  }

  return {
    see(next) {
      const before = status;
      status = next;
      const isOther = before?.lastRunId !== next.lastRunId;
      if (isOther) {
        record = null;
        picture.clear();
        for (const one of lanes) one.begin();
      }
      draw();
      if (before && before.queueState !== next.queueState) announce(`The queue is ${next.queueState}.`);
      if (!isOther && before.phase === next.phase) return;
      announce(`${next.phase}: ${WORDS[next.phase] ?? ""}`);
      if (next.lastRunId) readRecord(next.lastRunId);
    },
    tick: () => status && draw(),
    /** What was said of speeds is old while nothing comes. */
    silence: () => lanes.forEach((one) => one.begin()),
  };
}

function headline(status, record) {
  const { phase, lastRunId, eta } = status;
  by("run").dataset.phase = phase;
  for (const id of ["eyebrow", "figures", "lanes"]) show(by(id), Boolean(lastRunId));
  by("phase").dataset.status = isActive(phase) ? "active" : phase.toLowerCase();
  write(by("phase"), phase);
  write(by("run-id"), lastRunId ? `Run ${lastRunId}` : "");
  write(by("run-title"), lastRunId ? (ENDS[phase] ?? WORDS[phase] ?? phase) : "No run yet");
  write(by("run-words"), lastRunId ? wordsOf(status, record) : "Start one, or import orders with “pedidos import”, and watch it here.");
  trouble(status);
  const isKnown = isActive(phase) && eta.progressPercent !== null;
  const percent = isKnown ? `${Math.floor(eta.progressPercent)}% · ` : "";
  document.title = lastRunId ? `${percent}${WORDS[phase] ?? phase} · Pedidos` : "Pedidos";
}

function wordsOf({ progress }, record) {
  if (!record) return counted(progress.target, "order");
  const origin = record.source === "generated" ? `seed ${record.seed}` : "from a file";
  return `${counted(record.quantity, "order")}, ${origin}, started at ${clock(record.createdAt)}`;
}

function trouble({ queueState, error }) {
  const isHeld = queueState !== "running";
  const closed = queueState === "closed" ? ", and no run can start" : "";
  const held = `The queue is ${queueState}: workers take nothing new${closed}. Resume it to go on.`;
  write(by("held"), isHeld ? held : "");
  show(by("held"), isHeld);
  write(by("run-error"), error ? shown(error) : "");
  show(by("run-error"), Boolean(error));
}

function partsOf({ counts, processing, progress, throughput, generationTimeMs }) {
  const { generated, target } = progress;
  const part = ({ count: processed, failed }, total, average) => {
    return { done: processed + failed, failed, total, average };
  };
  return [
    { done: generated, failed: 0, total: target, average: rate(generated, generationTimeMs) },
    part(processing.vip, counts.vip, throughput.vip),
    part(processing.normal, counts.normal, throughput.normal),
  ];
}
