// Whether the page is up to date, and what keeps it from that.
import { by, show, write } from "./dom.js";
import { clock, shown } from "./format.js";
import { isReadOnly } from "./key.js";

const DUMB = "the orchestrator does not answer";

/** What stands in the header and on top; `see(link)`, `fail(failing)` and `tick()` change it. */
export function linkView() {
  let link = { kind: "connecting" };
  let trouble = null; // stays until the connection is back, also while it is tried again
  let failing = new Map();
  let seenAt = null;

  function draw() {
    by("link").dataset.kind = link.kind;
    document.body.dataset.link = link.kind;
    write(by("link-text"), wordsOf(link));
    const text = trouble ? troubleOf(trouble, seenAt) : failingOf(failing);
    write(by("stale-text"), text);
    show(by("stale"), text !== "");
    show(by("stale-key"), trouble?.kind === "locked");
  }

  return {
    see(next) {
      link = next;
      if (link.kind === "live") seenAt = new Date().toISOString();
      if (link.kind !== "connecting") trouble = link.kind === "live" ? null : link;
      draw();
    },
    fail(now) {
      failing = now;
      draw();
    },
    tick: draw,
  };
}

function wordsOf({ kind, at }) {
  if (kind === "live") return isReadOnly() ? "Live, read only" : "Live";
  if (kind === "connecting") return "Connecting …";
  if (kind === "locked") return "Key needed";
  return `Offline, again in ${Math.max(1, Math.ceil((at - performance.now()) / 1000))} s`;
}

function troubleOf({ kind, detail }, seenAt) {
  const since = seenAt ? ` What you see is of ${clock(seenAt)}.` : "";
  const what = kind === "locked" ? "The API wants a key" : "No live connection";
  return `${what}: ${shown(detail ?? DUMB)}.${since}`;
}

function failingOf(failing) {
  if (!failing.size) return "";
  const [first] = failing.values();
  return `Not up to date: ${[...failing.keys()].join(", ")} (${shown(first.message)}).`;
}
