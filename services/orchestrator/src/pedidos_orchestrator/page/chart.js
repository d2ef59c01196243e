// Orders a second over the whole run: an area for each lane, in a bounded number of points.
import { by, show, write } from "./dom.js";
import { duration, speed } from "./format.js";

const AT_MOST = 240;
const [WIDTH, TOP, BOTTOM] = [600, 8, 118]; // as the document's picture has them
const SPACE = "http://www.w3.org/2000/svg";

/** A chart for the lanes of these names; `add` takes a moment, `clear` begins another run. */
export function chart(names) {
  const shapes = names.map((name) => shape(by("chart"), name));
  let points = [];

  function draw() {
    const [first, last] = [points[0]?.ms ?? 0, points.at(-1)?.ms ?? 0];
    const peak = Math.max(1, ...points.flatMap((point) => point.speeds));
    const x = (ms) => (((ms - first) / Math.max(1, last - first)) * WIDTH).toFixed(1);
    const y = (value) => (BOTTOM - (value / peak) * (BOTTOM - TOP)).toFixed(1);
    shapes.forEach((draw, index) => draw(points.map((at) => `${x(at.ms)} ${y(at.speeds[index])}`)));
    write(by("chart-peak"), speed(peak));
    write(by("chart-from"), first < 1000 ? "start" : `after ${duration(first)}`);
    write(by("chart-to"), duration(last));
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

function shape(parent, name) {
  const path = (kind) => {
    const node = document.createElementNS(SPACE, "path");
    node.setAttribute("class", `${kind} ${name}`);
    node.setAttribute("vector-effect", "non-scaling-stroke");
    parent.append(node);
    return node;
  };
  const [area, line] = [path("area"), path("line")];
  return (corners) => {
    const along = corners.join("L");
    line.setAttribute("d", along && `M${along}`);
    area.setAttribute("d", along && `M0 ${BOTTOM}L${along}V${BOTTOM}Z`);
  };
}
