// The run: where it stands, how far both priorities are, how fast, and how long it still takes.
import { get } from "./api.js";
import { chart } from "./chart.js";
import { by, el, show, write } from "./dom.js";
import { NONE, count, counted, duration, shown, speed } from "./format.js";
import { announce } from "./notices.js";
import { Speedometer } from "./speed.js";
import { WORDS, isActive, timeline } from "./timeline.js";

const LANES = [
  ["in", "Orders in"],
  ["vip", "VIP processed"],
  ["normal", "NORMAL processed"],
];
const rate = (orders, ms) => (orders && ms ? (orders * 1000) / ms : null);

/** The card of the run; `see(status)` takes each status, `tick()` lets the clock count. */
export function runCard() {
  const line = timeline(by("timeline"));
  const picture = chart(LANES.map(([name]) => name));
  const lanes = LANES.map(([name, label]) => lane(by("lanes"), name, label));
  let status = null;
  let history = [];

  function draw() {
    const phase = status.phase;
    const moves = isActive(phase);
    headline(status);
    figures(status);
    const parts = partsOf(status);
    const speeds = parts.map((part, index) => lanes[index].draw(part, moves));
    if (moves) picture.add(status.totalTimeMs ?? 0, speeds);
    line.draw(phase, history, status.totalTimeMs ?? 0);
  }

  /** The phases' times are in the run's record; asked for when the phase is another one. */
  async function readHistory(id) {
    try {
      const run = await get(`pedidos/runs/${encodeURIComponent(id)}`);
      if (status.lastRunId !== id) return;
      history = run.phases;
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
        history = [];
        picture.clear();
        for (const one of lanes) one.begin();
      }
      draw();
      if (before && before.queueState !== next.queueState) announce(`The queue is ${next.queueState}.`);
      if (!isOther && before.phase === next.phase) return;
      announce(`${next.phase}: ${WORDS[next.phase] ?? ""}`);
      if (next.lastRunId) readHistory(next.lastRunId);
    },
    tick: () => status && draw(),
    /** What was said of speeds is old while nothing comes. */
    silence: () => lanes.forEach((one) => one.begin()),
  };
}

function headline(status) {
  const { phase, lastRunId, queueState, error, eta } = status;
  by("run").dataset.phase = phase;
  write(by("run-title"), lastRunId ? `Run ${lastRunId}` : "No run yet");
  const idle = "Start one, or import orders with “pedidos import”, and watch it here.";
  write(by("run-words"), lastRunId ? `${phase} · ${WORDS[phase] ?? ""}` : idle);
  const isHeld = queueState !== "running";
  const closed = queueState === "closed" ? ", and no run can start" : "";
  const held = `The queue is ${queueState}: workers take nothing new${closed}. Resume it to go on.`;
  write(by("held"), isHeld ? held : "");
  show(by("held"), isHeld);
  write(by("run-error"), error ? shown(error) : "");
  show(by("run-error"), Boolean(error));
  const isKnown = isActive(phase) && eta.progressPercent !== null;
  const percent = isKnown ? `${Math.floor(eta.progressPercent)}% · ` : "";
  document.title = lastRunId ? `${percent}${WORDS[phase] ?? phase} · Pedidos` : "Pedidos";
}

function figures(status) {
  const { phase, eta, processing, progress, throughput, totalTimeMs } = status;
  const percent = eta.progressPercent;
  write(by("percent"), percent === null ? NONE : `${percent.toFixed(percent < 100 ? 1 : 0)} %`);
  write(by("eta"), isActive(phase) ? duration(eta.estimatedMs) : NONE);
  write(by("elapsed"), duration(totalTimeMs));
  write(by("overall"), speed(throughput.overall));
  write(by("final"), count(progress.processedTotal));
  const failed = processing.vip.failed + processing.normal.failed;
  write(by("failed"), count(failed));
  by("failed").classList.toggle("bad", failed > 0);
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

function lane(parent, name, label) {
  const bar = el("progress", { class: name, "aria-label": label, max: "1", value: "0" });
  const numbers = el("span", { class: "numbers" });
  const pace = el("span", { class: "pace" });
  const failures = el("span", { class: "bad" });
  const key = el("span", { class: `key ${name}`, "aria-hidden": "true" });
  const title = el("span", { class: "name" }, key, label);
  parent.append(el("div", { class: "lane" }, title, bar, numbers, pace, failures));
  let meter = new Speedometer();
  return {
    begin() {
      meter = new Speedometer();
    },
    /** Shows a part, with its present speed while the run moves, else its average. */
    draw({ done, failed, total, average }, moves) {
      const now = meter.read(performance.now(), done);
      bar.max = Math.max(total, 1);
      bar.value = done;
      write(numbers, `${count(done)} of ${count(total)}`);
      const isOver = total > 0 && done >= total;
      const words = moves && !isOver ? speed(now) : `${speed(average)} mean`;
      write(pace, (moves && !isOver ? now : average) ? words : "");
      write(failures, failed ? `${counted(failed, "order")} failed` : "");
      return isOver ? 0 : now;
    },
  };
}
