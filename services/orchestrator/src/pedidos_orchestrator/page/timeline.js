// The phases of a run in their order: which are over, which one goes on, and how long each took.
import { el, write } from "./dom.js";
import { clock, duration } from "./format.js";

export const WORDS = {
  IDLE: "No run",
  GENERATING: "Orders come in, VIP batches go out",
  ENQUEUE_VIP: "The last VIP batches go out",
  WAITING_VIP_DRAIN: "VIP orders are processed",
  ENQUEUE_NORMAL: "NORMAL batches go out",
  WAITING_NORMAL_DRAIN: "NORMAL orders are processed",
  DONE: "Done",
  ABORTED: "Cancelled",
  ERROR: "Failed",
};
const STEPS = [
  ["GENERATING", "Orders in"],
  ["ENQUEUE_VIP", "VIP out"],
  ["WAITING_VIP_DRAIN", "VIP processed"],
  ["ENQUEUE_NORMAL", "NORMAL out"],
  ["WAITING_NORMAL_DRAIN", "NORMAL processed"],
];
const NAMES = STEPS.map(([phase]) => phase);
const SAID = { done: "over", now: "going on", stopped: "ended here", todo: "to come" };

/** Whether a phase is one in which a run moves. */
export const isActive = (phase) => NAMES.includes(phase);

/** A timeline in `parent`; `draw(phase, history, nowMs)` shows a run, times since its start. */
export function timeline(parent) {
  const steps = [...STEPS, ["END", "Done"]].map(([phase, label]) => step(parent, phase, label));
  return {
    draw(phase, history, nowMs) {
      const reached = reachedOf(phase, history);
      NAMES.forEach((name, index) => {
        steps[index].show(stateOf(phase, index, reached), spanOf(name, history, nowMs));
      });
      const end = history.at(-1);
      const isOver = !isActive(phase) && phase !== "IDLE";
      steps.at(-1).label(isOver ? WORDS[phase] : "Done");
      const span = isOver && end ? { at: end.at, ms: null } : null;
      steps.at(-1).show(isOver ? phase.toLowerCase() : "todo", span);
    },
  };
}

/** The place of the last step that a run came to; -1 where it came to none. */
function reachedOf(phase, history) {
  if (isActive(phase)) return NAMES.indexOf(phase);
  if (phase === "DONE") return NAMES.length;
  const active = history.map((change) => change.phase).filter(isActive);
  return phase === "IDLE" ? -1 : NAMES.indexOf(active.at(-1));
}

function stateOf(phase, index, reached) {
  if (index > reached) return "todo";
  if (index < reached) return "done";
  return isActive(phase) ? "now" : "stopped";
}

function spanOf(name, history, nowMs) {
  const index = history.findLastIndex((change) => change.phase === name);
  if (index < 0) return null;
  const at = history[index].at;
  const next = history[index + 1]?.at;
  const begun = Date.parse(at) - Date.parse(history[0].at);
  return { at, ms: next ? Date.parse(next) - Date.parse(at) : Math.max(0, nowMs - begun) };
}

function step(parent, phase, name) {
  const label = el("span", { class: "label" }, name);
  const said = el("span", { class: "sr" });
  const span = el("span", { class: "span" });
  const mark = el("span", { class: "mark", "aria-hidden": "true" });
  const node = el("li", { "data-state": "todo" }, mark, label, said, span);
  if (WORDS[phase]) node.title = `${phase}: ${WORDS[phase]}`;
  parent.append(node);
  return {
    label: (text) => write(label, text),
    show(state, seen) {
      node.dataset.state = state;
      if (state === "now") node.setAttribute("aria-current", "step");
      else node.removeAttribute("aria-current");
      write(said, ` (${SAID[state] ?? "the end"}) `);
      const known = seen && state !== "todo";
      const length = known && seen.ms !== null ? ` · ${duration(seen.ms)}` : "";
      write(span, known ? `${clock(seen.at)}${length}` : "");
    },
  };
}
