// One bar of the run's progress: how much of it is done, and how fast.
import { el, write } from "./dom.js";
import { count, counted, speed } from "./format.js";
import { Speedometer } from "./speed.js";

/** A lane in `parent`; `draw` shows a part, and gives back its present orders a second. */
export function lane(parent, name, label) {
  const bar = el("progress", { class: name, "aria-label": label, max: "1", value: "0" });
  const [numbers, share] = [el("span", { class: "numbers" }), el("span", { class: "share" })];
  const [pace, failures] = [el("span", { class: "pace" }), el("span", { class: "bad failures" })];
  const key = el("span", { class: `key ${name}`, "aria-hidden": "true" });
  const title = el("span", { class: "name" }, key, label);
  parent.append(el("div", { class: "lane" }, title, bar, share, numbers, pace, failures));
  let meter = new Speedometer();
  return {
    begin() {
      meter = new Speedometer();
    },
    /** While the run moves its present speed is shown, afterwards its average. */
    draw({ done, failed, total, average }, moves) {
      const now = meter.read(performance.now(), done);
      bar.max = Math.max(total, 1);
      bar.value = done;
      write(numbers, `${count(done)} of ${count(total)}`);
      write(share, total ? `${Math.floor((done * 100) / total)} %` : "");
      const isOver = total > 0 && done >= total;
      const isLive = moves && !isOver;
      write(pace, paceOf(isLive, isLive ? now : average));
      write(failures, failed ? `${counted(failed, "order")} failed` : "");
      return isOver ? 0 : now;
    },
  };
}

function paceOf(isLive, value) {
  if (!value) return "";
  return isLive ? speed(value) : `${speed(value)} mean`;
}
