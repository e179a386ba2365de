// The page: which run is shown, and when it is asked for again.

import { dropToken, get, hasToken, setToken, watch } from "./api.js";
import { byId, html, say, setText } from "./dom.js";
import { ago, count, decimal } from "./format.js";
import { CartographyMap, showForgetting } from "./map.js";
import { runOf } from "./model.js";
import { SampleTable } from "./samples.js";
import { TimeCharts } from "./time.js";

const POINTS = 256;          // as many as pixels show
const LEAST_PAUSE = 1000;    // between two looks at a run, in ms
const TABLE_PAUSE = 3000;    // between two of its samples
const FRESH = 10000;         // a run that has changed within this time goes on

const time = new TimeCharts();
const map = new CartographyMap();
const samples = new SampleTable(fail);

let runs = [];               // as the list has them
let beside;                  // the run that is drawn beside it
let shown;                   // the run that is shown, as it was last asked for
let are_more = false;        // than the list has
let paused = false;
let asking = false;
let nextLook = 0;
let nextTable = 0;
let is_table_old = false;    // the run has changed since its samples were asked for
let watching;

const chosen = () => new URLSearchParams(location.hash.slice(1)).get("run");
const linkTo = (name) => `#${new URLSearchParams({ run: name })}`;

function fail(error) {
  if (error?.status === 401) return askForToken(error);
  const text = error ? `${error.message}` : "";
  byId("notice").hidden = text === "";
  setText(byId("notice"), text);
}

function askForToken(error) {
  watching?.abort();
  show("token-form");
  setState("off", "A token is needed");
  setText(byId("token-fault"), hasToken() ? error.message : "");
  if (hasToken()) dropToken();
  byId("token").focus();
}

/** Shows one of the parts of the page. */
function show(part) {
  for (const id of ["token-form", "empty", "run"]) byId(id).hidden = id !== part;
  if (part === "token-form") {
    runs = [];
    items.clear();
    byId("runs").replaceChildren();
    byId("filter-field").hidden = true;
    setText(byId("runs-note"), "");
  }
}

function setState(light, text) {
  byId("dot").className = `dot ${light}`;
  setText(byId("connection"), text);
}

function onState(word, error) {
  if (word === "live") {
    if (byId("connection").textContent.startsWith("Lost")) say("Connected again");
    fail(null);
    setState(paused ? "" : "on", paused ? "Paused" : "Live");
  } else if (word === "polling") {
    setState("on", "Live, every few seconds");
  } else if (error?.code) {
    setState("off", "Not shown");
    fail(error);
  } else {
    if (!byId("connection").textContent.startsWith("Lost")) say("The connection to lossd is lost");
    setState("off", "Lost: trying again");
  }
}

function takeRuns(answer) {
  // The newest run comes first, and does not move while others go on.
  runs = (answer.runs ?? []).map(runOf).sort((a, b) => b.created - a.created);
  are_more = answer.nextPageToken !== undefined;
  if (!paused) update();
}

function update() {
  listRuns();
  if (runs.length === 0) {
    shown = undefined;
    show("empty");
    return;
  }
  if (chosen() === null) {
    const newest = runs.reduce((a, b) => (b.updated > a.updated ? b : a));
    history.replaceState(null, "", linkTo(newest.name));
    listRuns();
  }
  look();
}

const items = new Map();     // what each run has in the list, by its name

function itemOf(run) {
  let item = items.get(run.name);
  if (!item) {
    const about = html("span", { class: "about" });
    const link = html("a", { href: linkTo(run.name) }, html("span", { class: "name" }, run.name), about);
    item = { about, link, entry: html("li", {}, link) };
    items.set(run.name, item);
  }
  return item;
}

/** Shows the list as it is now. What is there stays the same element: somebody may be about to click it. */
function listRuns() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const name = chosen();
  byId("filter-field").hidden = runs.length < 8;
  const matching = runs.filter((run) => run.name.toLowerCase().includes(wanted));
  const entries = matching.map((run) => {
    const { about, link, entry } = itemOf(run);
    about.className = Date.now() - run.updated < FRESH ? "about fresh" : "about";
    setText(about, `${count(run.samples)} samples, ${ago(run.updated)}`);
    if (run.name === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    return entry;
  });
  const list = byId("runs");
  if (entries.length !== list.children.length || entries.some((entry, i) => entry !== list.children[i])) list.replaceChildren(...entries);
  setText(byId("runs-note"), are_more ? "The first thousand runs, by name."
    : runs.length > 0 && matching.length === 0 ? "No run has this in its name." : "");
}

/** Asks for the chosen run, if it has changed since it was last asked for. */
async function look() {
  const name = chosen();
  const listed = runs.find((run) => run.name === name);
  const is_new = shown?.name !== name;
  const has_moved = !listed || is_new || listed.updated !== shown.updated || listed.presentations !== shown.presentations;
  if (name === null || asking || !has_moved || document.hidden) return;
  if (!is_new && Date.now() < nextLook) return;
  asking = true;
  try {
    const answer = await get("run", { run: name, max_points: POINTS });
    await lookBeside(name);
    if (chosen() !== name) return;
    shown = runOf(answer.run);
    fail(null);
    draw(is_new);
  } catch (error) {
    if (chosen() === name) {
      if (is_new) byId("run").hidden = true;
      fail(error);
    }
  } finally {
    asking = false;
    nextLook = Date.now() + LEAST_PAUSE;
    if (chosen() !== name) look();
  }
}

/** Asks for the run beside, if it has changed. */
async function lookBeside(name) {
  const other = byId("beside").value;
  const listed = runs.find((run) => run.name === other);
  if (!listed || other === name) {
    beside = null;
  } else if (beside?.name !== other || beside.presentations !== listed.presentations) {
    beside = runOf((await get("run", { run: other, max_points: POINTS })).run);
  }
}

/** Offers the other runs to be drawn beside the one that is shown. */
function listBeside() {
  const select = byId("beside");
  const names = runs.map((run) => run.name).filter((name) => name !== shown.name);
  const before = [...select.options].slice(1).map((option) => option.value);
  if (names.join() === before.join()) return;
  const { value } = select;
  select.replaceChildren(select.options[0], ...names.map((name) => html("option", { value: name }, name)));
  select.value = names.includes(value) ? value : "";
}

function draw(is_new) {
  show("run");
  setText(byId("run-name"), shown.name);
  document.title = `${shown.name} – lossd`;
  listBeside();
  time.show(shown, beside);
  map.show(shown);
  showForgetting(shown);
  showFacts();
  showFindings();
  if (is_new) {
    say(`Run ${shown.name}`);
    samples.setRun(shown.name);
    nextTable = Date.now() + TABLE_PAUSE;
    is_table_old = false;
  } else {
    is_table_old = true;
    lookAtSamples();
  }
}

/** Asks for the samples, if the run has changed since, and not too soon. */
function lookAtSamples() {
  if (!is_table_old || Date.now() < nextTable || document.hidden) return;
  nextTable = Date.now() + TABLE_PAUSE;
  is_table_old = false;
  samples.moved();
}

function showFacts() {
  const steps = shown.firstStep === shown.lastStep ? count(shown.lastStep) : `${count(shown.firstStep)}–${count(shown.lastStep)}`;
  const last = shown.points[shown.points.length - 1];
  const facts = [
    ["Samples", count(shown.samples)], ["Presentations", count(shown.presentations)], ["Steps", steps],
    ["Epoch", last ? count(last.epoch) : "–"], ["Hard below", `pₜ ${decimal(shown.hardThreshold, 3)}`],
    ["Never learned", count(shown.neverLearned)], ["Not finite", count(shown.nonFinite)], ["Changed", ago(shown.updated)]];
  byId("facts").replaceChildren(...facts.map(([name, value]) =>
    html("div", {}, html("dt", {}, name), html("dd", name === "Changed" ? { id: "changed" } : {}, value))));
}

function showFindings() {
  byId("findings").replaceChildren(...(shown.findings.length > 0 ? shown.findings.map((finding) => html("li", {}, finding))
    : [html("li", { class: "none" }, "The numbers support none yet: it takes a few epochs.")]));
}

function start() {
  watching = new AbortController();
  watch(takeRuns, onState, watching.signal).catch((error) => {
    if (error.status === 401) fail(error);
  });
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  byId("token").value = "";
  byId("token-form").hidden = true;
  setState("", "Connecting…");
  start();
});
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  setState(paused ? "" : "on", paused ? "Paused" : "Live");
  if (!paused) update();
});
byId("beside").addEventListener("change", async () => {
  try {
    await lookBeside(shown.name);
    time.show(shown, beside);
  } catch (error) {
    fail(error);
  }
});
byId("filter").addEventListener("input", listRuns);
addEventListener("hashchange", () => {
  listRuns();
  look();
});
document.addEventListener("visibilitychange", () => { if (!paused) look(); });
setInterval(() => {
  if (shown && byId("changed")) setText(byId("changed"), ago(shown.updated));
  if (!paused && runs.length > 0) {
    listRuns();
    look();
    lookAtSamples();
  }
}, 1000);
start();
