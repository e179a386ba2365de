// What happened over time: panels that share one axis and one cursor.

import { byId, fillWhenOpen, html, setText, table } from "./dom.js";
import { count, decimal, percent, roundPercent } from "./format.js";
import { Panel } from "./panel.js";
import { byEpoch, classShares } from "./model.js";

const KINDS = [["loss", "Loss"], ["gradient", "Gradient"], ["hard", "Hard samples"]];

export class TimeCharts {
  constructor() {
    this.axis = "step";
    this.kind = "loss";
    const onPoint = (i) => this.lookAt(i);
    this.loss = new Panel(byId("loss"), { title: "Mean loss", unit: "nats a sample", height: 190, onPoint });
    this.hard = new Panel(byId("hard"), {
      title: "Hard samples", unit: "of those presented", height: 130, format: percent, mark: roundPercent, unitRange: 0.1, onPoint });
    this.turns = new Panel(byId("turns"), {
      title: "Turn rate", unit: "of those presented", height: 190, format: percent, mark: roundPercent, unitRange: 0.1, onPoint });
    this.rate = new Panel(byId("rate"), { title: "Learning rate", height: 130, step: true, log: true, onPoint });
    this.shares = new Panel(byId("shares"), {
      title: "Shares of the classes", height: 210, stacked: true, format: percent, mark: roundPercent, tools: this.kindSwitch(), onPoint });
    this.cursor = byId("cursor");
    this.cursor.addEventListener("input", () => this.lookAt(Number(this.cursor.value)));
    byId("axis").addEventListener("change", (event) => {
      this.axis = event.target.value;
      this.show(this.run);
    });
  }

  kindSwitch() {
    const choices = KINDS.map(([value, name], i) => {
      const input = html("input", { type: "radio", name: "kind", value });
      input.checked = i === 0;
      return html("label", {}, input, name);
    });
    const field = html("fieldset", { class: "switch" }, html("legend", { class: "unseen" }, "Share of the"), ...choices);
    field.addEventListener("change", (event) => {
      this.kind = event.target.value;
      this.show(this.run);
    });
    return field;
  }

  pointsOf(run) {
    return this.axis === "epoch" ? byEpoch(run.points) : run.points;
  }

  xsOf(points) {
    return points.map((point) => (this.axis === "epoch" ? point.epoch : point.lastStep));
  }

  /** Shows a run, and a column of another one beside each of its own, if there is one. */
  show(run, other = this.other) {
    const was_last = !this.points || this.at === undefined;
    this.run = run;
    this.other = other;
    this.points = this.pointsOf(run);
    const xs = this.xsOf(this.points);
    const others = other ? this.pointsOf(other) : [];
    const column = (name) => this.points.map((point) => point[name]);
    const beside = (name, what = "") => (other
      ? [{ name: what + other.name, values: others.map((point) => point[name]), xs: this.xsOf(others), color: 7 }] : []);
    const shared = { xs, xName: this.axis };
    this.loss.show({ ...shared, series: [{ name: "loss", values: column("meanLoss") }, ...beside("meanLoss")] });
    this.hard.show({ ...shared, series: [
      { name: `pₜ < ${decimal(run.hardThreshold, 3)}`, values: column("hard"), color: 1 }, ...beside("hard")] });
    this.turns.show({ ...shared, series: [
      { name: "to easy", values: column("turnedEasy"), color: 2 },
      { name: "to hard", values: column("turnedHard"), color: 1 },
      { name: "forgotten", values: column("forgotten"), color: 3 }, ...beside("turnedHard", "to hard in ")] });
    this.rate.show({ ...shared, series: [{ name: "rate", values: column("learningRate"), color: 6 }, ...beside("learningRate")] });
    this.shares.show({ ...shared, series: classShares(this.points, this.kind) });
    this.cursor.max = String(Math.max(0, xs.length - 1));
    this.lookAt(was_last ? null : Math.min(this.at, xs.length - 1));
    fillWhenOpen(byId("time-table"), "Numbers over time", () => this.table());
  }

  /** Moves the cursor of all panels to a point; null is the last one. */
  lookAt(i) {
    const last = this.points.length - 1;
    this.at = i === null || i >= last ? undefined : i;
    const at = this.at ?? last;
    for (const panel of [this.loss, this.hard, this.turns, this.rate, this.shares]) panel.lookAt(at);
    this.cursor.value = String(Math.max(0, at));
    const point = this.points[at];
    const text = point ? this.name(point) : "";
    setText(byId("cursor-label"), `Look at ${this.axis}`);
    setText(byId("cursor-text"), this.at === undefined && point ? `${text}, the newest` : text);
    this.cursor.setAttribute("aria-valuetext", point
      ? `${text}: loss ${decimal(point.meanLoss)}, hard ${percent(point.hard)}, turned easy ${percent(point.turnedEasy)}, `
        + `turned hard ${percent(point.turnedHard)}, learning rate ${decimal(point.learningRate)}` : "");
  }

  name(point) {
    if (this.axis === "epoch") return `epoch ${count(point.epoch)}`;
    const steps = point.firstStep === point.lastStep ? `step ${count(point.lastStep)}`
      : `steps ${count(point.firstStep)}–${count(point.lastStep)}`;
    return `${steps}, epoch ${count(point.epoch)}`;
  }

  table() {
    const head = [this.axis === "epoch" ? "Epoch" : "Steps", "Presented", "Mean loss", "Hard", "Turned easy", "Turned hard",
      "Forgotten", "Learning rate"];
    return table("Each row is a point of the curves above.", head, this.points.map((point) => [
      this.axis === "epoch" ? count(point.epoch) : `${count(point.firstStep)}–${count(point.lastStep)}`,
      count(point.presentations), decimal(point.meanLoss), percent(point.hard), percent(point.turnedEasy),
      percent(point.turnedHard), percent(point.forgotten), decimal(point.learningRate)]));
  }
}
