// The API key: kept by this tab only, and gone with it.

const NAME = "pedidos.apiKey";
const listeners = new Set();
let held = "";
let readOnly = false;

/** The key, or an empty text. */
export function key() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return held; // a browser that keeps nothing for pages
  }
}

/** Use another key from now on; an empty one forgets it. */
export function useKey(value) {
  held = value;
  readOnly = false;
  try {
    if (value) sessionStorage.setItem(NAME, value);
    else sessionStorage.removeItem(NAME);
  } catch {
    // it is held for as long as the page lives
  }
  for (const listener of listeners) listener();
}

/** Whether the API has refused this key a change. */
export const isReadOnly = () => readOnly;

/** The API said that this key may only read. */
export function noteReadOnly() {
  readOnly = true;
}

/** Call when the key changes, until what is given back is called. */
export function onKey(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Headers of a request; a header holds bytes, so the key goes as its UTF-8. */
export function keyHeaders() {
  const value = key();
  return value ? { "x-api-key": String.fromCharCode(...new TextEncoder().encode(value)) } : {};
}
