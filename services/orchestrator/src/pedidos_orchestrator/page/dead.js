// Dead letters, a page at a time: orders and jobs that failed for good, and sending them again.
import { get } from "./api.js";
import { dialog } from "./dialogs.js";
import { by, el, enable, keyed, show, write } from "./dom.js";
import { NONE, clock, counted, moment, short, shown } from "./format.js";
import { notice } from "./notices.js";
import { poll } from "./poll.js";
import { sendAgain } from "./redrive.js";

const EVERY_MS = 5_000;
const PAGE = 20;
const REASON = 200;
const ORDERS_AGAIN = "orders.process_orders"; // its orders are dead letters of their own

/** Follow the dead letters; the function that is given back looks at once. */
export function deadCard() {
  const chosen = new Set();
  let page = { cursor: null, jobsCursor: null };
  let next = null;
  let rows = [];
  const draw = keyed(by("dead"), (row) => row.key, (row) => line(row, chosen, choices));

  function choices() {
    const ready = rows.filter((row) => row.body);
    const all = ready.length > 0 && ready.every((row) => chosen.has(row.key));
    by("dead-each").checked = all;
    by("dead-each").indeterminate = !all && chosen.size > 0;
    enable(by("dead-some"), chosen.size > 0);
  }

  const look = poll("dead letters", EVERY_MS, async () => {
    const found = await get("pedidos/dead", { limit: PAGE, ...page });
    rows = [...found.orders.items.map(ofOrder), ...found.jobs.items.map(ofJob)];
    const keys = new Set(rows.map((row) => row.key));
    for (const key of chosen) if (!keys.has(key)) chosen.delete(key);
    next = cursorsAfter(found, page);
    draw(rows);
    choices();
    summary(found, next, page);
    enable(by("dead-next"), next !== null);
  });
  const turn = (to) => {
    page = to;
    chosen.clear();
    for (const box of by("dead").querySelectorAll("input")) box.checked = false;
    look();
  };
  const first = () => turn({ cursor: null, jobsCursor: null });

  by("dead-first").addEventListener("click", first);
  by("dead-next").addEventListener("click", () => next && turn(next));
  by("dead-each").addEventListener("change", ({ target }) => {
    for (const box of by("dead").querySelectorAll("input")) {
      if (box.checked !== target.checked) box.click();
    }
  });
  by("dead-some").addEventListener("click", async () => {
    const wanted = rows.filter((row) => chosen.has(row.key));
    const ids = (kind) => wanted.map((row) => row.body[kind]).filter(Boolean);
    try {
      await sendAgain({ orderIds: ids("orderId"), jobIds: ids("jobId") }, look);
    } catch (problem) {
      notice(`Nothing was sent again: ${problem.message}`, "bad");
    }
  });
  by("dead-all").addEventListener("click", dialog("redrive", { submit: () => sendAgain({ all: true }, first) }));
  return look;
}

/** Where the next page begins; a listing that is at its end must not begin anew beside the other. */
function cursorsAfter({ orders, jobs }, page) {
  if (!orders.cursor && !jobs.cursor) return null;
  const lastOrder = orders.items.at(-1)?.id ?? page.cursor;
  const lastJob = jobs.items.length ? `after:${jobs.items.at(-1).id}` : page.jobsCursor;
  return { cursor: orders.cursor ?? lastOrder, jobsCursor: jobs.cursor ?? lastJob };
}

function summary({ orders, jobs }, next, page) {
  const any = orders.items.length + jobs.items.length > 0;
  const isFirst = page.cursor === null && page.jobsCursor === null;
  const parts = [[orders, "order"], [jobs, "job"]].filter(([{ items }]) => items.length);
  const words = parts.map(([{ items }, noun]) => counted(items.length, noun)).join(" and ");
  write(by("dead-total"), any ? `${words}${next ? " on this page, and more" : ""}` : "");
  show(by("dead-box"), any);
  show(by("dead-empty"), !any);
  write(by("dead-empty"), isFirst ? "Nothing failed for good." : "Nothing more on this page.");
  show(by("dead-pager"), next !== null || !isFirst);
  show(by("dead-actions"), any);
  enable(by("dead-all"), any);
  enable(by("dead-first"), !isFirst);
}

function ofOrder(order) {
  return {
    key: `order ${order.id}`,
    title: `Order ${short(order.id)}…${order.id.slice(-6)}`,
    id: order.id,
    kind: order.priority,
    reason: order.error,
    who: order.cliente,
    attempts: order.attempts,
    at: order.failedAt,
    body: { orderId: order.id },
  };
}

function ofJob(job) {
  // the API takes only jobs that stand alone; a run's orders are sent by themselves
  const alone = job.scope === null && job.function !== ORDERS_AGAIN;
  return {
    key: `job ${job.id}`,
    title: `Job ${job.function}`,
    id: job.id,
    kind: job.scope === null ? job.queue : `of run ${short(job.scope)}`,
    reason: job.error,
    who: null,
    attempts: Math.max(job.attempts, job.deliveries),
    at: job.settledAt,
    body: alone ? { jobId: job.id } : null,
  };
}

function line(row, chosen, onChoice) {
  const box = el("input", { type: "checkbox", "aria-label": `Select ${row.title}` });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(row.key);
    else chosen.delete(row.key);
    onChoice();
  });
  const choice = row.body ? el("label", { class: "check" }, box) : "";
  const reason = el("td", { class: "reason", "data-label": "Reason" });
  const attempts = el("td", { class: "num", "data-label": "Attempts" });
  const at = el("td", { class: "num", "data-label": "Failed at" });
  const what = el("span", { class: "mono", title: shown(row.id) }, shown(row.title, 80));
  const kind = el("span", { class: `tag ${String(row.kind).toLowerCase()}` }, shown(row.kind, 40));
  const title = el("td", { class: "lead", "data-label": "What" }, what, " ", kind);
  const who = el("td", { "data-label": "Customer" }, el("bdi", {}, row.who === null ? NONE : shown(row.who, 80)));
  return {
    node: el("tr", {}, el("td", { class: "pick" }, choice), title, reason, who, attempts, at),
    update(newer) {
      box.checked = chosen.has(row.key);
      write(reason, newer.reason ? shown(newer.reason, REASON) : NONE);
      write(attempts, String(newer.attempts));
      write(at, clock(newer.at));
      at.title = `${moment(newer.at)} UTC`;
    },
  };
}
