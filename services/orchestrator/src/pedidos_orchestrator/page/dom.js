// What the page does with its document. Texts only ever become text nodes, never markup.

/** The element with this id; the document has all of them from the start. */
export const by = (id) => document.getElementById(id);

/** A new element; `options` are attributes, children are nodes or texts. */
export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Set a text where it is another one, so that screen readers hear only what changed. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Focus goes to the run where what had it can't keep it, so that the keyboard is not lost. */
export function refocus() {
  by("main").focus({ preventScroll: true });
}

/** Show or hide. */
export function show(node, wanted) {
  if (!wanted && node.contains(document.activeElement)) refocus();
  node.hidden = !wanted;
}

/** Enable or disable a control. */
export function enable(control, wanted) {
  if (!wanted && document.activeElement === control) refocus();
  control.disabled = !wanted;
}

/**
 * A list that keeps the node of each item, so that focus and selection survive a new state.
 * `create(item)` gives `{ node, update(item) }`.
 */
export function keyed(parent, keyOf, create) {
  const known = new Map();
  return (items) => {
    const seen = new Set();
    let place = parent.firstChild;
    for (const item of items) {
      const key = keyOf(item);
      if (seen.has(key)) continue;
      seen.add(key);
      if (!known.has(key)) known.set(key, create(item));
      const entry = known.get(key);
      entry.update?.(item);
      if (entry.node === place) place = place.nextSibling;
      else parent.insertBefore(entry.node, place);
    }
    for (const [key, entry] of known) {
      if (seen.has(key)) continue;
      entry.node.remove();
      known.delete(key);
    }
  };
}
