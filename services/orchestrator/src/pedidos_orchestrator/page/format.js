// Numbers, times and foreign texts as people read them; the same forms as the command line's.

export const NONE = "–";
const LONGEST = 500;
// what a display obeys instead of showing: controls, and marks that turn the reading direction
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** `1,000,000`. */
export const count = (value) => (isNumber(value) ? counts.format(value) : NONE);

/** `1 order`, `2,000 orders`. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** `45,000/s`. */
export function speed(value) {
  if (!isNumber(value)) return NONE;
  return `${value >= 10 ? counts.format(value) : tenths.format(value)}/s`;
}

/** `850 ms`, `12.3 s`, `2 min 05 s`. */
export function duration(ms) {
  if (!isNumber(ms)) return NONE;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** `1.5 MB`. */
export function size(bytes) {
  if (!isNumber(bytes)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

/** `03:04:05`, of an ISO time, UTC. */
export const clock = (iso) => (iso ? String(iso).slice(11, 19) : NONE);

/** `2025-01-02 03:04:05`, of an ISO time, UTC. */
export const moment = (iso) => (iso ? `${String(iso).slice(0, 10)} ${clock(iso)}` : NONE);

/** The part of a run's id that tells it from others: its first millisecond. */
export const short = (id) => (id ? String(id).slice(0, 13) : NONE);

/** A message of the API as a sentence of its own. */
export function sentence(text) {
  const whole = shown(text);
  return `${whole.charAt(0).toUpperCase()}${whole.slice(1)}${/[.!?…]$/.test(whole) ? "" : "."}`;
}

/** A text from data: what a display would obey is shown instead, and it has an end. */
export function shown(value, longest = LONGEST) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(OBEYED, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
