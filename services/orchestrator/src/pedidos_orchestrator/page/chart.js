// Orders a second over the whole run: one line for each lane, in a bounded number of points.
import { by, show, write } from "./dom.js";
import { speed } from "./format.js";

const AT_MOST = 240;
const WIDTH = 600;
const HEIGHT = 110;
const SPACE = "http://www.w3.org/2000/svg";

/** A chart for the lanes of these names; `add` takes a moment, `clear` begins another run. */
export function chart(lanes) {
  const svg = by("chart");
  const lines = lanes.map((lane) => {
    const line = document.createElementNS(SPACE, "polyline");
    line.setAttribute("class", `line ${lane}`);
    line.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(line);
    return line;
  });
  let points = [];

  function draw() {
    const last = points.at(-1)?.ms || 1;
    const first = points[0]?.ms ?? 0;
    const peak = Math.max(1, ...points.flatMap((point) => point.speeds));
    lines.forEach((line, index) => {
      const at = (point) => {
        const x = ((point.ms - first) / Math.max(1, last - first)) * WIDTH;
        const y = HEIGHT - 2 - (point.speeds[index] / peak) * (HEIGHT - 6);
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      };
      line.setAttribute("points", points.map(at).join(" "));
    });
    write(by("chart-peak"), `(top: ${speed(peak)})`);
    show(by("chart-figure"), points.length > 1);
  }

  return {
    add(ms, speeds) {
      if (points.length && ms <= points.at(-1).ms) return;
      points.push({ ms, speeds: speeds.map((value) => value ?? 0) });
      if (points.length > AT_MOST) points = points.filter((_, index) => index % 2 === 0);
      draw();
    },
    clear() {
      points = [];
      draw();
    },
  };
}
