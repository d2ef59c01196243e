// Send dead letters again, and see how they end.
import { get, post } from "./api.js";
import { count, counted } from "./format.js";
import { notice } from "./notices.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const POLL_MS = 500;
const PATIENCE_MS = 60_000;
const MOST_FOLLOWED = 50;

/** Send again what `body` names; follows it in the background. Throws what the API refuses. */
export async function sendAgain(body, onChange) {
  const sent = await post("pedidos/dead/redrive", {}, body);
  onChange();
  if (!sent.orders && !sent.jobs) {
    notice("Nothing was dead any more: nothing was sent again.");
    return;
  }
  const what = [sent.orders && counted(sent.orders, "order"), sent.jobs && counted(sent.jobs, "job")];
  const line = notice(`Sent again: ${what.filter(Boolean).join(" and ")} …`, "busy");
  follow(sent.redriveJobs.slice(0, MOST_FOLLOWED), line).finally(onChange);
}

async function follow(ids, line) {
  const until = performance.now() + PATIENCE_MS;
  let [processed, failed, unfinished] = [0, 0, 0];
  for (const id of ids) {
    const job = await ended(id, until);
    processed += job?.result?.processed ?? 0;
    failed += job?.result?.failed ?? 0;
    if (!job) unfinished += 1;
    else if (job.status !== "succeeded") failed ||= 1;
  }
  const open = unfinished ? `, ${counted(unfinished, "job")} not ended yet` : "";
  line.say(`Sent again: ${count(processed)} processed, ${count(failed)} failed again${open}.`, failed ? "bad" : "ok");
}

/** The job once it has ended; undefined where it has not in time, or can't be asked for. */
async function ended(id, until) {
  while (performance.now() < until) {
    try {
      const job = await get(`pedidos/queue/jobs/${id.split("/").map(encodeURIComponent).join("/")}`);
      if (ENDED.has(job.status)) return job;
    } catch (problem) {
      if (problem.status === 404) return { status: "cancelled" }; // a reset removed it
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return undefined;
}
