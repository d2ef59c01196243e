// The history of runs, a page at a time; two of them side by side; and going on with one.
import { get, post } from "./api.js";
import { comparison } from "./compare.js";
import { by, el, enable, keyed, show, write } from "./dom.js";
import { NONE, clock, count, duration, moment, short, speed } from "./format.js";
import { notice } from "./notices.js";
import { poll } from "./poll.js";
import { isActive } from "./timeline.js";

const EVERY_MS = 5_000;
const PAGE = 10;
const RESUMABLE = new Set(["ABORTED", "ERROR"]);

/** Follow the history; the function that is given back looks at once. */
export function historyCard() {
  const chosen = []; // ids, the one chosen last at the end
  let page = null;
  let next = null;
  const compare = comparison();
  const draw = keyed(by("history"), (run) => run.runId, (run) => row(run, { choose, resume }));

  const look = poll("history", EVERY_MS, async () => {
    const found = await get("pedidos/runs", { limit: PAGE, cursor: page });
    next = found.cursor;
    draw(found.items);
    const any = found.items.length > 0;
    show(by("history-box"), any);
    show(by("history-empty"), !any);
    write(by("history-empty"), page === null ? "No run has been started yet." : "Nothing more on this page.");
    show(by("history-pager"), page !== null || next !== null);
    enable(by("history-first"), page !== null);
    enable(by("history-next"), next !== null);
    show(by("compare"), any);
    mark();
  });

  function choose(id, wanted) {
    if (chosen.includes(id)) chosen.splice(chosen.indexOf(id), 1);
    if (wanted) chosen.push(id);
    if (chosen.length > 2) chosen.shift(); // a third takes the place of the first
    mark();
  }

  function mark() {
    for (const box of by("history").querySelectorAll("input")) box.checked = chosen.includes(box.value);
    enable(by("compare"), chosen.length === 2);
    write(by("compare"), chosen.length === 2 ? "Compare these two" : "Choose two to compare");
  }

  async function resume(id) {
    try {
      await post(`pedidos/runs/${encodeURIComponent(id)}/resume`);
      notice(`Run ${short(id)} goes on.`);
    } catch (problem) {
      notice(`The run was not resumed: ${problem.message}`, "bad");
    }
    look();
  }

  const turn = (to) => {
    page = to;
    look();
  };
  by("history-first").addEventListener("click", () => turn(null));
  by("history-next").addEventListener("click", () => next && turn(next));
  by("compare").addEventListener("click", () => compare(...[...chosen].sort()));
  return look;
}

function row(first, { choose, resume }) {
  const id = first.runId;
  const box = el("input", { type: "checkbox", value: id, "aria-label": `Compare run ${short(id)}` });
  box.addEventListener("change", () => choose(id, box.checked));
  const cell = (label, kind = "num") => el("td", { class: kind, "data-label": label });
  const end = el("span", { class: "pill" });
  const [orders, time, rate] = [cell("Orders"), cell("Total time"), cell("Orders/s")];
  const [failed, started] = [cell("Failed"), cell("Started", "num nowrap date")];
  const again = el("button", { type: "button", "aria-label": `Resume run ${short(id)}` }, "Resume");
  again.addEventListener("click", () => resume(id));
  const name = el("td", { class: "mono nowrap lead", "data-label": "Run", title: id }, `${short(id)}…`);
  const choice = el("td", { class: "pick" }, el("label", { class: "check" }, box));
  const ended = el("td", { class: "state", "data-label": "State" }, end);
  const cells = [choice, name, ended, orders, time, rate, failed, started, el("td", { class: "act" }, again)];
  return {
    node: el("tr", {}, ...cells),
    update(run) {
      end.dataset.status = isActive(run.phase) ? "active" : run.phase.toLowerCase();
      write(end, run.phase);
      write(orders, count(run.quantity));
      write(time, duration(run.totalTimeMs));
      write(rate, speed(run.throughput?.overall));
      const lost = (run.totalFailedVIP ?? 0) + (run.totalFailedNormal ?? 0);
      write(failed, count(lost));
      failed.classList.toggle("bad", lost > 0);
      write(started, run.createdAt ? moment(run.createdAt) : NONE);
      started.title = `${clock(run.createdAt)} UTC`;
      // orders that a cancel deleted are gone for good
      show(again, RESUMABLE.has(run.phase) && !run.cancelled?.deletedPending);
    },
  };
}
