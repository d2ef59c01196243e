// Start, pause, resume, cancel, reset: each says what came of it, and all but resume ask first.
import { post } from "./api.js";
import { dialog } from "./dialogs.js";
import { by, enable, show } from "./dom.js";
import { count, counted, short } from "./format.js";
import { notice } from "./notices.js";
import { isActive } from "./timeline.js";

/** Wire the buttons; `see(status)` enables what makes sense now. `onDone` is called after each. */
export function actions(onDone) {
  let active = false;
  const told = (text) => {
    notice(text);
    onDone();
  };
  const opens = (button, open) => by(button).addEventListener("click", open);

  opens("start-open", dialog("start", { submit: (form) => start(form, told) }));
  opens("pause-open", dialog("pause", { submit: (form) => hold(form, told) }));
  opens("cancel-open", dialog("cancel", { submit: (form) => cancel(form, told) }));
  const prepare = (form) => {
    form.elements.force.checked = active;
    show(form.querySelector("[data-active]"), active);
  };
  opens("reset-open", dialog("reset", { prepare, submit: (form) => reset(form, told) }));
  opens("resume", async () => {
    try {
      await post("pedidos/queue/resume");
      told("The queue runs again.");
    } catch (problem) {
      notice(`The queue was not resumed: ${problem.message}`, "bad");
    }
  });

  return {
    see({ phase, queueState }) {
      active = isActive(phase);
      const isHeld = queueState !== "running";
      enable(by("start-open"), !active);
      enable(by("cancel-open"), active);
      enable(by("pause-open"), !isHeld);
      enable(by("resume"), isHeld);
      enable(by("reset-open"), true);
      // only what makes sense now has a place
      show(by("start-open"), !active);
      show(by("cancel-open"), active);
      show(by("pause-open"), !isHeld);
      show(by("resume"), isHeld);
    },
  };
}

async function start({ quantity, seed }, told) {
  const run = await post("pedidos/generate", { quantity: quantity.value, seed: seed.value });
  told(`Run ${short(run.runId)} has started: ${counted(run.quantity, "order")}, seed ${run.seed}.`);
}

async function hold({ close }, told) {
  const { state } = await post(close.checked ? "pedidos/queue/close" : "pedidos/queue/pause");
  told(`The queue is ${state}.`);
}

async function cancel({ removePending, resetLogs }, told) {
  const params = { purge: true, removePending: removePending.checked, resetLogs: resetLogs.checked };
  const done = await post("pedidos/cancel", params);
  const deleted = done.deletedPending ? `, ${counted(done.deletedPending, "pending order")} deleted` : "";
  told(`${done.message}${deleted}.`);
}

async function reset({ force, history, word }, told) {
  if (word.value.trim().toLowerCase() !== "reset") throw new Error("Type the word reset to confirm.");
  const done = await post("pedidos/reset", { force: force.checked, history: history.checked });
  told(`Reset: ${counted(done.deletedOrders, "order")} and ${count(done.deletedJobs)} jobs deleted.`);
}
