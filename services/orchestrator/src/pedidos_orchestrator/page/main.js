// The page: a stream of states, a few polls, and what a person asks for.
import { actions } from "./actions.js";
import { deadCard } from "./dead.js";
import { dialog } from "./dialogs.js";
import { by, show, write } from "./dom.js";
import { shown } from "./format.js";
import { historyCard } from "./history.js";
import { key, onKey, useKey } from "./key.js";
import { logsCard } from "./logs.js";
import { announce } from "./notices.js";
import { onFailing } from "./poll.js";
import { queueCard } from "./queue.js";
import { runCard } from "./run.js";
import { follow } from "./stream.js";
import { isActive } from "./timeline.js";

const TICK_MS = 1_000;
const LINK = { live: "Live", connecting: "Connecting …", locked: "An API key is needed" };

const openKey = keyDialog();
let link = { kind: "connecting" };
let phase = null;
let asked = false;

const run = runCard();
const looks = [queueCard(), deadCard(), historyCard()];
const lookAll = () => looks.forEach((look) => look());
const controls = actions(lookAll);
logsCard();
onFailing(showFailing);
follow({ onState, onLink });
setInterval(tick, TICK_MS);

function onState(status) {
  const isOther = phase !== null && phase !== status.phase;
  const ended = isOther && isActive(phase) && !isActive(status.phase);
  phase = status.phase;
  run.see(status);
  controls.see(status);
  if (isOther && (ended || phase === "GENERATING" || phase === "IDLE")) lookAll();
}

function onLink(next) {
  const isOther = next.kind !== link.kind;
  const wasLive = link.kind === "live";
  link = next;
  showLink();
  if (!isOther) return;
  if (wasLive) run.silence();
  if (next.kind === "waiting") announce("The connection is lost. Trying again.");
  if (next.kind === "live" && !wasLive) announce("Connected.");
  if (next.kind === "locked" && !asked) openKey();
  asked ||= next.kind === "locked"; // once for each key: whoever closed it knows
}

function tick() {
  if (link.kind === "live") run.tick();
  else showLink();
}

function showLink() {
  const { kind, at, detail } = link;
  by("link").dataset.kind = kind;
  document.body.dataset.link = kind;
  const seconds = kind === "waiting" ? Math.max(1, Math.ceil((at - performance.now()) / 1000)) : 0;
  write(by("link-text"), LINK[kind] ?? `Connection lost, again in ${seconds} s`);
  by("link").title = detail ? shown(detail) : "";
}

function showFailing(failing) {
  const names = [...failing.keys()].join(", ");
  const [first] = failing.values();
  const locked = first?.status === 401;
  write(by("stale"), failing.size && !locked ? `Not up to date: ${names} (${shown(first.message)})` : "");
  show(by("stale"), failing.size > 0 && !locked);
}

function keyDialog() {
  const open = dialog("key", {
    prepare: (form) => {
      form.elements.key.placeholder = key() ? "a key is in use" : "";
    },
    submit: async (form) => useKey(form.key.value.trim() || key()),
  });
  by("key-open").addEventListener("click", open);
  by("key-forget").addEventListener("click", () => {
    useKey("");
    by("key").close();
  });
  onKey(() => {
    asked = false;
    lookAll();
  });
  return open;
}
