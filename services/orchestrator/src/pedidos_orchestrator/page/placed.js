// A customer's orders, newest first, a page at a time; read when asked for, and not again.
import { get } from "./api.js";
import { totalOf } from "./checkout.js";
import { by, el, enable, keyed, show, write } from "./dom.js";
import { count, moment, sentence, shown } from "./format.js";

const PAGE = 10;
const PILLS = { awaiting_payment: "active", confirmed: "done", cancelled: "aborted" };

/** The part of one customer's orders; `onFollow(id)` is told which checkout to follow. */
export function placedPart(onFollow) {
  const draw = keyed(by("placed-orders"), (one) => one.orderId, (one) => row(one, onFollow));
  let customer = "";
  let next = null;
  let turns = 0;

  async function turn(cursor) {
    const mine = ++turns;
    let found;
    let problem = null;
    try {
      found = await get(`api/customers/${encodeURIComponent(customer)}/orders`, { limit: PAGE, cursor });
    } catch (error) {
      problem = error;
    }
    if (mine !== turns) return; // another page was asked for meanwhile
    fail(problem && `The orders were not read: ${sentence(problem.message)}`);
    if (!problem) present(found, cursor);
  }

  function present({ items, cursor }, from) {
    next = cursor;
    draw(items);
    write(by("placed-title"), `Orders of ${shown(customer, 100)}`);
    show(by("placed"), true);
    show(by("placed-box"), items.length > 0);
    show(by("placed-empty"), items.length === 0);
    write(by("placed-empty"), from ? "Nothing more on this page." : "Nobody with this id has placed an order.");
    show(by("placed-pager"), Boolean(from ?? next));
    enable(by("placed-first"), Boolean(from));
    enable(by("placed-next"), next !== null);
  }

  function fail(text) {
    write(by("placed-error"), text ?? "");
    show(by("placed-error"), Boolean(text));
  }

  by("placed-ask").addEventListener("submit", (event) => {
    event.preventDefault();
    customer = event.target.elements.id.value.trim();
    show(by("placed"), false);
    if (customer) turn(null);
    else fail("Enter the id of a customer, as your shop sent it with the order.");
  });
  by("placed-first").addEventListener("click", () => turn(null));
  by("placed-next").addEventListener("click", () => next && turn(next));
}

function row(order, onFollow) {
  const number = shown(order.orderNumber, 40);
  const state = el("span", { class: "pill" });
  const button = el("button", { type: "button", "aria-label": `Follow order ${number}` }, "Follow");
  button.addEventListener("click", () => onFollow(order.jobId));
  const cell = (label, text, kind = "num") => el("td", { class: kind, "data-label": label }, text);
  const pieces = order.items.reduce((sum, item) => sum + item.quantity, 0);
  return {
    node: el(
      "tr",
      {},
      el("th", { scope: "row", class: "lead", title: shown(order.orderId) }, number),
      el("td", { class: "side" }, state),
      cell("Pieces", count(pieces)),
      cell("Total", totalOf(order), "num total"),
      cell("Placed", moment(order.createdAt), "num date"),
      el("td", { class: "act" }, button),
    ),
    update({ status }) {
      write(state, shown(status, 40).replaceAll("_", " "));
      state.dataset.status = PILLS[status] ?? "";
    },
  };
}
