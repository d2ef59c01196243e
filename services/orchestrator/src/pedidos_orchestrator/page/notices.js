// What came of what was asked for: a few lines that go by themselves, but for errors.
import { by, el, write } from "./dom.js";

const AT_MOST = 4;
const STAY_MS = 10_000;

/** Show a line; `say(text, kind)` on what is given back changes it. */
export function notice(text, kind = "ok") {
  const words = el("span");
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Dismiss" }, "×");
  const node = el("div", { class: "notice" }, words, close);
  let timer = 0;
  close.addEventListener("click", () => node.remove());
  const box = by("notices");
  box.append(node);
  while (box.children.length > AT_MOST) box.firstChild.remove();

  const say = (newer, newKind = kind) => {
    clearTimeout(timer);
    node.dataset.kind = newKind;
    write(words, newer);
    if (newKind === "ok") timer = setTimeout(() => node.remove(), STAY_MS);
  };
  say(text, kind);
  return { say };
}

/** Tell those who listen, without showing it: it can be seen elsewhere. */
export function announce(text) {
  write(by("announce"), text);
}
