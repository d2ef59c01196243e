// The newest log lines of all services, as they come.
import { get } from "./api.js";
import { by, el, show, write } from "./dom.js";
import { clock, shown } from "./format.js";
import { poll } from "./poll.js";

const EVERY_MS = 3_000;
const LINES = 200;
const REST = 300;
const NEAR_END_PX = 40;
const HEAD = new Set(["timestamp", "level", "service", "event", "process"]);

/** Follow the logs as long as that is wanted. */
export function logsCard() {
  let before = "";
  const look = poll("logs", EVERY_MS, async () => {
    if (!by("logs-follow").checked && before) return;
    const filter = { level: by("logs-level").value, service: by("logs-service").value };
    const { lines } = await get("pedidos/logs", { lines: LINES, ...filter });
    const now = JSON.stringify(lines);
    if (now === before) return;
    before = now;
    draw(lines.slice(-LINES));
  });
  const anew = () => {
    before = "";
    look();
  };
  for (const id of ["logs-level", "logs-service", "logs-follow"]) by(id).addEventListener("change", anew);
  return look;
}

function draw(lines) {
  const box = by("logs-box");
  const isFirst = box.hidden;
  // whoever has scrolled back reads, and is left in peace
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
  by("logs").replaceChildren(...lines.map(line));
  show(box, lines.length > 0);
  show(by("logs-empty"), lines.length === 0);
  write(by("logs-empty"), "No such log lines are gathered.");
  if (atEnd || isFirst) box.scrollTop = box.scrollHeight;
}

function line(entry) {
  const level = String(entry.level ?? "info");
  const rest = Object.entries(entry).filter(([name]) => !HEAD.has(name));
  const details = rest.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return el(
    "li",
    { "data-level": shown(level, 10) },
    el("time", {}, clock(entry.timestamp)),
    el("span", { class: "level" }, shown(level, 10)),
    el("span", { class: "service" }, shown(entry.service ?? "", 20)),
    el("span", { class: "words" }, shown(entry.event ?? "", 120), " ", el("span", { class: "muted" }, shown(details.join(" "), REST))),
  );
}
