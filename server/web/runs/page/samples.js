// The table of samples: sorted and cut into pages by the server, which may hold millions.

import { get } from "./api.js";
import { byId, html, say, setText, svg } from "./dom.js";
import { count, decimal, fixed, percent } from "./format.js";
import { sampleOf } from "./model.js";

const ORDER = "SAMPLE_ORDER_";

// A column's head, the cell of a sample, and the orders of the server that go by it, with the word for aria-sort.
const COLUMNS = [
  { head: "Sample", cell: (sample) => sample.id },
  { head: "Class", cell: (sample) => sample.classId, title: "The label; of a sigmoid's matrix the column" },
  { head: "Presented", cell: (sample) => count(sample.presentations) },
  { head: "Mean pₜ", cell: probability, title: "Confidence: the mean of the label's probability. The bar reaches one standard deviation to either side",
    orders: [["HARDEST", "ascending"], ["EASIEST", "descending"]] },
  { head: "Deviation", cell: (sample) => fixed(sample.deviation, 4), title: "Variability: the standard deviation of pₜ", orders: [["MOST_VARIABLE", "descending"]] },
  { head: "Last pₜ", cell: (sample) => fixed(sample.last, 4) },
  { head: "Mean loss", cell: (sample) => decimal(sample.loss), title: "In nats" },
  { head: "Margin", cell: (sample) => decimal(sample.margin), title: "The mean of z_t − max of the other logits: the area under the margin", orders: [["LOWEST_MARGIN", "ascending"]] },
  { head: "Correct", cell: (sample) => percent(sample.correctness), title: "The share of presentations with the right prediction" },
  { head: "Learned at", cell: (sample) => (Number.isNaN(sample.learnedAt) ? "never" : count(sample.learnedAt)), title: "The first presentation, from 1, that was correct" },
  { head: "Forgotten", cell: (sample) => count(sample.forgotten), title: "Correct, and at the next presentation wrong", orders: [["MOST_FORGOTTEN", "descending"]] },
  { head: "Turns", cell: (sample) => count(sample.turnedEasy + sample.turnedHard), title: "To easy and to hard, together", orders: [["MOST_TURNED", "descending"]] },
  { head: "Last step", cell: (sample) => count(sample.lastStep) },
];

function probability(sample) {
  const at = (p) => (4 + 76 * Math.min(1, Math.max(0, p))).toFixed(1);
  return html("span", {}, fixed(sample.mean, 4), svg("svg", { class: "range", viewBox: "0 0 84 12", "aria-hidden": "true" },
    svg("line", { class: "track", x1: 4, x2: 80, y1: 6, y2: 6 }),
    svg("line", { class: "spread", x1: at(sample.mean - sample.deviation), x2: at(sample.mean + sample.deviation), y1: 6, y2: 6 }),
    svg("circle", { class: "mean", cx: at(sample.mean), cy: 6, r: 3.5 })));
}

export class SampleTable {
  /** `failed` is told of errors. */
  constructor(failed) {
    this.failed = failed;
    this.tokens = [""];  // of each page up to this one
    this.table = byId("samples");
    byId("order").addEventListener("change", (event) => this.sortBy(event.target.value));
    byId("page-size").addEventListener("change", () => this.restart());
    byId("class").addEventListener("change", () => this.restart());
    byId("next").addEventListener("click", () => this.turn([...this.tokens, this.nextToken]));
    byId("previous").addEventListener("click", () => this.turn(this.tokens.slice(0, -1)));
    byId("refresh").addEventListener("click", () => this.restart());
  }

  /** Shows the samples of another run, or of none. */
  setRun(name) {
    this.run = name;
    this.table.replaceChildren();
    byId("class").value = "";
    return this.restart();
  }

  sortBy(order) {
    byId("order").value = order;
    return this.restart(`Sorted: ${byId("order").selectedOptions[0].textContent}`);
  }

  restart(said) {
    this.tokens = [""];
    return this.load(said);
  }

  turn(tokens) {
    this.tokens = tokens;
    return this.load(`Page ${count(tokens.length)} of samples`);
  }

  /** Shows the run as it is now, unless somebody reads what there is: then offers to. */
  moved() {
    const { activeElement } = document;
    const is_read = this.tokens.length > 1 || this.table.matches(":hover") || this.table.contains(activeElement);
    if (is_read) {
      byId("refresh").hidden = false;
      return undefined;
    }
    return this.load();
  }

  async load(said) {
    this.asked?.abort();
    const asked = this.asked = new AbortController();
    if (!this.run) return;
    const classId = byId("class").value.trim();
    const valid = /^(-?[0-9]+)?$/.test(classId);
    byId("class").setAttribute("aria-invalid", String(!valid));
    if (!valid) return;
    try {
      const answer = await get("samples", { run: this.run, order_by: byId("order").value, class_id: classId,
        page_size: byId("page-size").value, page_token: this.tokens[this.tokens.length - 1] }, asked.signal);
      this.nextToken = answer.nextPageToken ?? "";
      this.draw((answer.samples ?? []).map(sampleOf));
      if (said) say(said);
    } catch (error) {
      if (!asked.signal.aborted) this.failed(error);
    }
  }

  head(column) {
    if (!column.orders) return html("th", { scope: "col", title: column.title }, column.head);
    const order = byId("order").value;
    const now = column.orders.findIndex(([name]) => ORDER + name === order);
    const button = html("button", { type: "button", title: column.title }, column.head);
    button.addEventListener("click", () => this.sortBy(ORDER + column.orders[(now + 1) % column.orders.length][0]));
    return html("th", { scope: "col", "aria-sort": now < 0 ? "none" : column.orders[now][1] }, button);
  }

  draw(samples) {
    const focused = [...this.table.querySelectorAll("thead th")].findIndex((cell) => cell.contains(document.activeElement));
    const rows = samples.map((sample) => html("tr", {}, ...COLUMNS.map((column, i) =>
      html(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, column.cell(sample)))));
    this.table.replaceChildren(html("caption", { class: "unseen" }, `Samples of ${this.run}`),
      html("thead", {}, html("tr", {}, ...COLUMNS.map((column) => this.head(column)))), html("tbody", {}, ...rows));
    if (focused >= 0) this.table.querySelectorAll("thead th")[focused].querySelector("button")?.focus();
    const first = (this.tokens.length - 1) * Number(byId("page-size").value) + 1;
    setText(byId("page-number"), samples.length ? `${count(first)}–${count(first + samples.length - 1)}` : "no samples");
    byId("previous").disabled = this.tokens.length === 1;
    byId("next").disabled = this.nextToken === "";
    byId("refresh").hidden = true;
  }
}
