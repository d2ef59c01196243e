// The run in six figures, each with what it is to be seen against.
import { by, write } from "./dom.js";
import { NONE, clock, count, duration, speed } from "./format.js";
import { isActive } from "./timeline.js";

const NOTHING = "";

/** Show a status; `run` is its record where that is known, `now` the present orders a second. */
export function figures(status, run, now) {
  const { phase, eta, progress, throughput, totalTimeMs } = status;
  const moves = isActive(phase);
  const percent = eta.progressPercent;
  figure("percent", percent === null ? NONE : `${percent.toFixed(percent < 100 ? 1 : 0)} %`);
  figure("eta", moves ? duration(eta.estimatedMs) : NONE, endOf(status, run));
  figure("elapsed", duration(totalTimeMs), run?.createdAt ? `since ${clock(run.createdAt)}` : NOTHING);
  const mean = throughput.overall === null ? NOTHING : `${speed(throughput.overall)} over the run`;
  figure("overall", speed(moves ? now : throughput.overall), moves ? mean : "over the run");
  figure("final", count(progress.processedTotal), `of ${count(progress.target)}`);
  failures(status);
}

function figure(id, text, more) {
  write(by(id), text);
  if (more !== undefined) write(by(`${id}-more`), more);
}

function endOf({ phase, eta }, run) {
  if (!isActive(phase)) return run?.phases.length ? `ended ${clock(run.phases.at(-1).at)}` : NOTHING;
  if (eta.estimatedMs === null) return NOTHING;
  return `ends about ${clock(new Date(Date.now() + eta.estimatedMs).toISOString())}`;
}

function failures({ processing, progress }) {
  const failed = processing.vip.failed + processing.normal.failed;
  const share = progress.processedTotal ? (failed * 100) / progress.processedTotal : 0;
  figure("failed", count(failed), failed ? `${share < 0.01 ? "under 0.01" : share.toFixed(2)} %` : "none");
  by("failed").classList.toggle("bad", failed > 0);
}
