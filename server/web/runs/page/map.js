// The cartography map, and how often samples were forgotten.

import { byId, fillWhenOpen, html, setText, svg, table } from "./dom.js";
import { compact, count, percent } from "./format.js";

const SIDE = 20;
const LEVELS = 8;
const SIZE = 460, LEFT = 52, TOP = 10, RIGHT = 26, BOTTOM = 44;
const WIDE = (SIZE - LEFT - RIGHT) / SIDE, HIGH = (SIZE - 40 - TOP - BOTTOM) / SIDE;
const HEIGHT = SIZE - 40 + 46;

const x = (deviation) => LEFT + deviation * 2 * SIDE * WIDE;
const y = (mean) => TOP + (1 - mean) * SIDE * HIGH;

/** Returns the least counts of the levels 1, 2, ...: as far apart as powers. */
function levels(most) {
  const least = [1];
  for (let i = 1; i < LEVELS; ++i) {
    const next = Math.ceil(most ** (i / LEVELS));
    if (next > least[least.length - 1] && next <= most) least.push(next);
  }
  return least;
}

const levelOf = (n, least) => least.filter((bound) => n >= bound).length;

const cellName = (row, column) =>
  `mean ${(row / SIDE).toFixed(2)}–${((row + 1) / SIDE).toFixed(2)}, deviation ${(column / SIDE / 2).toFixed(3)}–${((column + 1) / SIDE / 2).toFixed(3)}`;

export class CartographyMap {
  constructor() {
    this.figure = byId("map");
    this.caption = html("figcaption", { class: "hint" });
    this.box = html("div");
    this.figure.replaceChildren(this.box, this.caption);
  }

  show(run) {
    this.run = run;
    const most = Math.max(0, ...run.map);
    const least = levels(Math.max(1, most));
    // Few levels are spread over all shades.
    this.shade = (n) => (n === 0 ? 0 : Math.round((levelOf(n, least) / least.length) * LEVELS));
    const root = svg("svg", { viewBox: `0 0 ${SIZE} ${HEIGHT}`, role: "img", "aria-label": this.describe() });
    this.drawAxes(root);
    run.map.forEach((n, i) => { if (n > 0) root.append(this.cell(n, Math.floor(i / SIDE), i % SIDE)); });
    this.drawBound(root);
    this.drawLegend(root, least);
    this.box.replaceChildren(root);
    this.sayCell();
    fillWhenOpen(byId("map-table"), "Numbers of the map", () => this.table());
  }

  cell(n, row, column) {
    const cell = svg("rect", { class: "cell", x: LEFT + column * WIDE, y: TOP + (SIDE - 1 - row) * HIGH, width: WIDE, height: HIGH,
      fill: `var(--m${this.shade(n)})` });
    cell.addEventListener("pointerenter", () => this.sayCell(n, row, column, cell));
    cell.addEventListener("pointerleave", () => this.sayCell());
    return cell;
  }

  sayCell(n, row, column, cell) {
    this.box.querySelector(".cell.at")?.classList.remove("at");
    cell?.classList.add("at");
    const all = this.run.samples || 1;
    setText(this.caption, cell ? `${count(n)} samples (${percent(n / all)}): ${cellName(row, column)}`
      : "Behind the dashed line no sample can be: a mean of p bounds its deviation by √(p(1 − p)).");
  }

  drawAxes(root) {
    const bottom = y(0), right = x(0.5);
    for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
      root.append(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(mark), y2: y(mark) }),
        svg("text", { x: LEFT - 7, y: y(mark) + 4, "text-anchor": "end" }, String(mark)));
    }
    for (const mark of [0, 0.1, 0.2, 0.3, 0.4, 0.5]) {
      root.append(svg("line", { class: "grid", x1: x(mark), x2: x(mark), y1: TOP, y2: bottom }),
        svg("text", { x: x(mark), y: bottom + 16, "text-anchor": "middle" }, String(mark)));
    }
    root.append(
      svg("text", { class: "name", x: (LEFT + right) / 2, y: bottom + 33, "text-anchor": "middle" }, "variability: standard deviation of pₜ"),
      svg("text", { class: "name", transform: `translate(13 ${(TOP + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
        "confidence: mean of pₜ"));
  }

  drawBound(root) {
    const along = Array.from({ length: 61 }, (_, i) => i / 60);
    root.append(
      svg("path", { class: "bound", d: `M${along.map((p) => `${x(Math.sqrt(p * (1 - p))).toFixed(1)} ${y(p).toFixed(1)}`).join("L")}` }),
      svg("text", { class: "name", x: x(0.5) - 6, y: y(0.945), "text-anchor": "end" }, "← easy to learn"),
      svg("text", { class: "name", x: x(0.5) - 6, y: y(0.03), "text-anchor": "end" }, "← hard to learn"),
      svg("text", { class: "name", transform: `translate(${x(0.5) + 16} ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" }, "ambiguous"));
  }

  drawLegend(root, least) {
    const top = HEIGHT - 24, wide = (x(0.5) - LEFT) / least.length;
    root.append(svg("text", { x: LEFT - 7, y: top + 21, "text-anchor": "end" }, "samples"));
    least.forEach((bound, i) => {
      const at = LEFT + i * wide;
      const is_one = least[i + 1] === bound + 1;
      root.append(
        svg("rect", { x: at, y: top, width: wide - 1, height: 9, fill: `var(--m${this.shade(bound)})` }),
        svg("text", { x: at, y: top + 21 }, is_one ? compact(bound) : `${compact(bound)} +`));
    });
  }

  /** Returns in a sentence where the samples are. */
  describe() {
    const { map, samples } = this.run;
    if (samples === 0) return "Cartography map: no sample yet";
    const share = (take) => percent(map.reduce((sum, n, i) => sum + (take(Math.floor(i / SIDE), i % SIDE) ? n : 0), 0) / samples);
    return `Cartography map of ${count(samples)} samples: ${share((row, column) => row >= 10 && column < 10)} have a mean of at least 0.5 and a `
      + `deviation below 0.25, ${share((row, column) => row < 10 && column < 10)} a mean below 0.5 and a deviation below 0.25, `
      + `${share((row, column) => column >= 10)} a deviation of at least 0.25`;
  }

  table() {
    const part = (i, parts) => `${(i / parts).toFixed(3)}–`;
    const head = ["Mean \\ deviation", ...Array.from({ length: SIDE }, (_, i) => part(i, 2 * SIDE))];
    const rows = Array.from({ length: SIDE }, (_, i) => SIDE - 1 - i)
      .map((row) => [part(row, SIDE), ...this.run.map.slice(row * SIDE, (row + 1) * SIDE).map(count)]);
    return table("Samples by the mean of pₜ, in rows, and its deviation, in columns; each named for where it begins.", head, rows);
  }
}

/** Shows how many samples were forgotten how often: a table with bars. */
export function showForgetting(run) {
  const all = run.forgetting.reduce((sum, n) => sum + n, 0);
  const most = Math.max(1, ...run.forgetting);
  const rows = run.forgetting.map((n, i) => {
    // Every bar that stands for a sample is seen.
    const width = n > 0 ? Math.max(0.4, (100 * n) / most) : 0;
    const bar = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { width, height: 10 }));
    const name = i === 0 ? "never" : i === 1 ? "once" : i === 10 ? "10 or more times" : `${i} times`;
    return html("tr", {}, html("th", { scope: "row" }, name), html("td", { class: "bar" }, bar),
      html("td", {}, count(n)), html("td", {}, all > 0 ? percent(n / all) : "–"));
  });
  byId("forgetting").replaceChildren(html("table", {},
    html("caption", {}, `${count(all)} samples were learned; ${count(run.neverLearned)} never were.`),
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "Forgotten"), html("td"),
      html("th", { scope: "col" }, "Samples"), html("th", { scope: "col" }, "Share"))),
    html("tbody", {}, ...rows)));
}
