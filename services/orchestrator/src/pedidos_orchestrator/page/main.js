// The page: a stream of states, a few polls, and what a person asks for.
import { actions } from "./actions.js";
import { checkoutsCard } from "./checkouts.js";
import { deadCard } from "./dead.js";
import { dialog } from "./dialogs.js";
import { by } from "./dom.js";
import { historyCard } from "./history.js";
import { key, onKey, useKey } from "./key.js";
import { linkView } from "./link.js";
import { logsCard } from "./logs.js";
import { announce } from "./notices.js";
import { onFailing } from "./poll.js";
import { queueCard } from "./queue.js";
import { queuesCard } from "./queues.js";
import { runCard } from "./run.js";
import { follow } from "./stream.js";
import { isActive } from "./timeline.js";

const TICK_MS = 1_000;

const openKey = keyDialog();
const view = linkView();
let kind = "connecting";
let phase = null;
let asked = false;

const run = runCard();
const looks = [queueCard(), queuesCard(checkoutsCard()), deadCard(), historyCard(), logsCard()];
const lookAll = () => looks.forEach((look) => look());
const controls = actions(lookAll);
onFailing(view.fail);
follow({ path: "pedidos/stream", onState, onLink });
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
  const before = kind;
  kind = next.kind;
  view.see(next);
  if (kind === before) return;
  if (before === "live") run.silence();
  if (kind === "waiting") announce("The connection is lost. Trying again.");
  if (kind === "live") announce("Connected.");
  if (kind === "locked" && !asked) openKey();
  asked ||= kind === "locked"; // once for each key: whoever closed it knows
}

function tick() {
  view.tick();
  if (kind === "live") run.tick();
}

function keyDialog() {
  const open = dialog("key", {
    prepare: (form) => {
      form.elements.key.placeholder = key() ? "a key is in use" : "";
    },
    submit: async (form) => useKey(form.key.value.trim() || key()),
  });
  for (const id of ["key-open", "stale-key"]) by(id).addEventListener("click", open);
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
