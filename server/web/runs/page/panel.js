// A panel of curves or of stacked areas over an x that several panels share.

import { html, svg } from "./dom.js";
import { compact, decimal, powers, ticks } from "./format.js";

const LEFT = 58, RIGHT = 14, TOP = 8, BOTTOM = 22;
const DASHES = [null, "7 3", "2 3"];

/** Returns a scale of [low, high] to [from, to]. */
function scale(low, high, from, to, is_log = false) {
  const f = is_log ? Math.log : (x) => x;
  const width = f(high) - f(low) || 1;
  return (x) => from + ((f(x) - f(low)) / width) * (to - from);
}

/** Returns the range of y and its ticks. Curves that stay far from 0 need not begin there. */
function rangeOf(values, options) {
  const finite = values.filter(Number.isFinite);
  if (options.stacked) return { low: 0, high: 1, marks: [0, 0.25, 0.5, 0.75, 1] };
  if (finite.length === 0) return { low: 0, high: 1, marks: [] };
  let low = Math.min(...finite), high = Math.max(...finite);
  if (options.log && low > 0 && high / low >= 30) {
    const marks = powers(low, high);
    return { low: marks[0], high: Math.max(high, marks[marks.length - 1]), marks, log: true };
  }
  if (low > 0 && low < 0.6 * high) low = 0;
  if (low === high) [low, high] = low === 0 ? [0, options.unitRange ?? 1] : [Math.min(0, 2 * low), Math.max(0, 2 * high)];
  const marks = ticks(low, high, 4);
  const step = marks.length > 1 ? marks[1] - marks[0] : high - low;
  low = Math.floor(low / step + 1e-9) * step;
  high = Math.ceil(high / step - 1e-9) * step;
  return { low, high, marks: ticks(low, high, 4) };
}

// A curve of more points is noise to the eye: it is drawn faintly, and its mean over a window on it.
const MOST_WINDOWS = 48;

/** Returns the mean of each value and those before it, `width` together; where one is missing, of the others. */
function trailingMeans(values, width) {
  return values.map((_, i) => {
    const known = values.slice(Math.max(0, i - width + 1), i + 1).filter(Number.isFinite);
    return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : NaN;
  });
}

function pathOf(xs, ys, x, y, is_step) {
  let path = "", drawn = false;
  xs.forEach((at, i) => {
    if (!Number.isFinite(ys[i])) {
      drawn = false;
      return;
    }
    const left = x(at).toFixed(1), top = y(ys[i]).toFixed(1);
    path += !drawn ? `M${left} ${top}` : is_step ? `H${left}V${top}` : `L${left} ${top}`;
    drawn = true;
  });
  return path;
}

export class Panel {
  /**
   * `figure` becomes the panel. Options: title; unit; height; format, of values; mark, of those at the axis; stacked, for shares that add
   * up to 1; step, for what holds until it changes; log, to take powers of ten where they are needed; tools, an element
   * for its head; showsX, whether the axis of x has numbers.
   */
  constructor(figure, options) {
    this.options = { height: 150, format: decimal, ...options };
    this.options.mark ??= this.options.format;
    this.figure = figure;
    this.unit = html("span", { class: "unit" }, options.unit ? ` ${options.unit}` : "");
    this.legend = html("ul", { class: "legend" });
    this.box = html("div");
    const title = html("span", { class: "title" }, options.title, this.unit);
    figure.replaceChildren(html("figcaption", { class: "panel-head" }, title, options.tools), this.legend, this.box);
    this.width = 0;
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      if (this.data) this.draw();
    }).observe(this.box);
    for (const kind of ["pointermove", "pointerdown"]) this.box.addEventListener(kind, (event) => this.pointAt(event));
    this.box.addEventListener("pointerleave", () => this.options.onPoint?.(null));
  }

  /**
   * Shows `data`: {xs, xName, series: [{name, values, color, xs}]}. A series may have an x of its own: that of another
   * run, which is drawn behind the others.
   */
  show(data) {
    const windowOf = (xs) => (this.options.step ? 1 : Math.max(1, Math.floor(xs.length / MOST_WINDOWS)));
    this.window = windowOf(data.xs);
    const smooth = (one) => {
      const width = windowOf(one.xs ?? data.xs);
      return width === 1 ? one : { ...one, raw: one.xs ? undefined : one.values, values: trailingMeans(one.values, width) };
    };
    this.data = { ...data, series: data.series.map(smooth) };
    this.draw();
  }

  pointAt(event) {
    if (!this.x || this.data.xs.length === 0) return;
    const left = event.clientX - this.box.getBoundingClientRect().left;
    let best = 0;
    this.data.xs.forEach((at, i) => {
      if (Math.abs(this.x(at) - left) <= Math.abs(this.x(this.data.xs[best]) - left)) best = i;
    });
    this.options.onPoint?.(best);
  }

  draw() {
    const { xs, series, xName } = this.data;
    const width = Math.max(this.width || this.box.clientWidth, 200), { height } = this.options;
    const all = [xs, ...series.map((one) => one.xs ?? [])].filter((some) => some.length > 0);
    const low = Math.min(...all.map((some) => some[0])), high = Math.max(...all.map((some) => some[some.length - 1]));
    const range = rangeOf(series.flatMap((one) => one.raw ?? one.values), this.options);
    const x = this.x = !(low < high) ? () => (LEFT + width - RIGHT) / 2 : scale(low, high, LEFT, width - RIGHT);
    const y = this.y = scale(range.low, range.high, height - BOTTOM, TOP, range.log);
    const notes = [range.log ? "log scale" : "", this.window > 1 ? `mean of ${this.window} points` : ""].filter((note) => note);
    this.unit.textContent = [this.options.unit, ...notes].filter((text) => text).map((text) => ` ${text}`).join(",");
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": this.describe() });
    for (const mark of range.marks) {
      root.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark) }),
        svg("text", { x: LEFT - 8, y: y(mark) + 4, "text-anchor": "end" }, this.options.mark(mark)));
    }
    this.drawX(root, low, high, width, xName);
    if (this.options.stacked) this.drawAreas(root, x, y);
    else this.drawCurves(root, x, y);
    this.cursor = svg("g");
    root.append(this.cursor);
    this.box.replaceChildren(root);
    this.lookAt(this.at ?? xs.length - 1);
  }

  drawX(root, low, high, width, name) {
    const bottom = this.options.height - BOTTOM;
    root.append(svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: bottom, y2: bottom }));
    if (this.data.xs.length === 0) return;
    const marks = ticks(low, high, Math.max(2, Math.floor(width / 110))).filter(Number.isInteger);
    for (const mark of marks) {
      const at = this.x(mark);
      root.append(svg("line", { class: "axis", x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
        svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, compact(mark)));
    }
    root.append(svg("text", { x: LEFT - 16, y: bottom + 16, "text-anchor": "end" }, name));
  }

  drawCurves(root, x, y) {
    const { series } = this.data;
    [...series.entries()].reverse().forEach(([i, one]) => {
      const color = `var(--c${one.color ?? i})`;
      const xs = one.xs ?? this.data.xs;
      if (one.raw) root.append(svg("path", { class: "curve faint", d: pathOf(xs, one.raw, x, y, false), stroke: color }));
      root.append(svg("path", { class: "curve", d: pathOf(xs, one.values, x, y, this.options.step), stroke: color,
        "stroke-dasharray": DASHES[i] }));
      if (xs.length === 1 && Number.isFinite(one.values[0])) {
        root.append(svg("circle", { cx: x(xs[0]), cy: y(one.values[0]), r: 3.5, fill: color }));
      }
    });
  }

  drawAreas(root, x, y) {
    const { xs, series } = this.data;
    let below = xs.map(() => 0);
    series.forEach((one, i) => {
      const above = below.map((sum, j) => sum + one.values[j]);
      const side = (sums) => sums.map((sum, j) => `${x(xs[j]).toFixed(1)} ${y(Math.min(1, sum)).toFixed(1)}`);
      const outline = xs.length === 1
        ? `M${x(xs[0]) - 20} ${y(below[0])}h40V${y(above[0])}h-40Z`
        : `M${side(above).join("L")}L${side(below).reverse().join("L")}Z`;
      root.append(svg("path", { class: "area", d: outline, fill: `var(--c${i})` }));
      below = above;
    });
  }

  /** Marks the values at xs[i], and says them in the legend. */
  lookAt(i) {
    this.at = i >= this.data.xs.length - 1 ? undefined : i;
    const { xs, series } = this.data;
    const items = series.map((one, j) => {
      const color = `var(--c${one.color ?? j})`;
      const key = svg("svg", { class: "key", viewBox: "0 0 16 10", "aria-hidden": "true" }, this.options.stacked
        ? svg("rect", { width: 14, height: 10, rx: 2, fill: color })
        : svg("line", { x1: 0, x2: 16, y1: 5, y2: 5, stroke: color, "stroke-width": 2.5, "stroke-dasharray": DASHES[j] }));
      return html("li", {}, key, one.name, html("b", {}, this.options.format(this.valueOf(one, i))));
    });
    this.legend.replaceChildren(...items);
    this.cursor.replaceChildren();
    if (this.at === undefined || !(i in xs)) return;
    const at = this.x(xs[i]);
    this.cursor.append(svg("line", { class: "cursor", x1: at, x2: at, y1: TOP, y2: this.options.height - BOTTOM }));
    if (this.options.stacked) return;
    series.forEach((one, j) => {
      const value = this.valueOf(one, i);
      if (!Number.isFinite(value)) return;
      this.cursor.append(svg("circle", { cx: at, cy: this.y(value), r: 3.5, fill: `var(--c${one.color ?? j})` }));
    });
  }

  /** Returns the value of a series at xs[i]; of another run that of its last point there. */
  valueOf(one, i) {
    if (!one.xs) return one.values[i] ?? NaN;
    return one.values[one.xs.findLastIndex((at) => at <= this.data.xs[i])] ?? NaN;
  }

  /** Returns in a sentence what the panel shows. */
  describe() {
    const { xs, series, xName } = this.data;
    if (xs.length === 0) return `${this.options.title}: nothing yet`;
    const { format } = this.options;
    const told = series.map((one) => {
      const known = one.values.map((value, i) => [value, (one.xs ?? xs)[i]]).filter(([value]) => Number.isFinite(value));
      if (known.length === 0) return `${one.name} is not known`;
      const [first, last] = [known[0], known[known.length - 1]];
      return `${one.name} ${format(first[0])} at ${xName} ${first[1]}, ${format(last[0])} at ${xName} ${last[1]}`;
    });
    return `${this.options.title}: ${told.join("; ")}`;
  }
}
