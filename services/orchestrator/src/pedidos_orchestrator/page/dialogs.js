// What starts, holds up or takes away is done after a second look; what goes on again, at once.
import { by, refocus, show, write } from "./dom.js";
import { sentence } from "./format.js";

/**
 * A dialog of the document. `submit(form)` does what was confirmed, and may throw what went wrong,
 * which is shown in it. Gives back the function that opens it.
 */
export function dialog(id, { prepare, submit }) {
  const node = by(id);
  const form = node.querySelector("form");
  const error = node.querySelector("[data-error]");
  const [words, other] = error.children;
  let busy = false;

  other.addEventListener("click", () => by("key-open").click());
  for (const button of node.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => node.close());
  }
  node.addEventListener("close", () => {
    if (document.activeElement === document.body) refocus(); // what opened it is disabled by now
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return; // a second press of Enter is not a second order
    busy = true;
    node.setAttribute("aria-busy", "true");
    show(error, false);
    try {
      await submit(form.elements);
      node.close();
    } catch (problem) {
      write(words, sentence(problem.message));
      show(other, problem.wantsKey === true && id !== "key");
      show(error, true);
    }
    node.removeAttribute("aria-busy");
    busy = false;
  });

  return () => {
    if (node.open) return;
    form.reset();
    show(error, false);
    prepare?.(form);
    node.showModal();
  };
}
