// Runs as numbers: protobuf's JSON leaves out what is 0, and writes int64 and non-finite numbers as texts.

const number = (value) => {
  if (value === "Infinity" || value === "-Infinity" || value === "NaN") return Number(value);
  return Number(value ?? 0);
};
const numbers = (values) => (values ?? []).map(number);

function pointOf(point) {
  const presentations = number(point.presentations);
  const share = (value) => (presentations > 0 ? number(value) / presentations : NaN);
  return {
    firstStep: number(point.firstStep),
    lastStep: number(point.lastStep),
    epoch: number(point.epoch),
    presentations,
    meanLoss: number(point.meanLoss),
    hard: share(point.hardCount),
    turnedEasy: share(point.turnedEasy),
    turnedHard: share(point.turnedHard),
    forgotten: share(point.forgotten),
    learningRate: point.learningRate === undefined ? NaN : number(point.learningRate),
    classes: numbers(point.classIds),
    loss: numbers(point.classLossShare),
    gradient: numbers(point.classGradientShare),
    hardOfClass: numbers(point.classHardCount),
  };
}

/** Returns the run of an answer as numbers. */
export function runOf(run) {
  return {
    name: run.name ?? "",
    created: Date.parse(run.createTime ?? ""),
    updated: Date.parse(run.updateTime ?? ""),
    firstStep: number(run.firstStep),
    lastStep: number(run.lastStep),
    samples: number(run.sampleCount),
    presentations: number(run.presentationCount),
    hardThreshold: number(run.hardThreshold),
    nonFinite: number(run.nonFiniteCount),
    neverLearned: number(run.neverLearnedCount),
    points: (run.points ?? []).map(pointOf),
    map: numbers(run.map?.counts),
    forgetting: numbers(run.forgettingHistogram),
    findings: run.findings ?? [],
  };
}

/** Returns the sample of an answer as numbers; its ids stay texts, which hold all of their digits. */
export function sampleOf(sample) {
  return {
    id: sample.id ?? "0",
    label: sample.label ?? "0",
    classId: sample.classId ?? "0",
    presentations: number(sample.presentations),
    mean: number(sample.meanTrueProbability),
    deviation: number(sample.trueProbabilityDeviation),
    loss: number(sample.meanLoss),
    margin: number(sample.meanMargin),
    correctness: number(sample.correctness),
    forgotten: number(sample.forgettingEvents),
    learnedAt: sample.learnedAt === undefined ? NaN : number(sample.learnedAt),
    turnedEasy: number(sample.turnedEasy),
    turnedHard: number(sample.turnedHard),
    last: number(sample.lastTrueProbability),
    lastStep: number(sample.lastStep),
  };
}

// What a class has of all in a point; hard counts become shares.
const SHARES = {
  loss: (point, i) => point.loss[i],
  gradient: (point, i) => point.gradient[i],
  hard: (point, i) => {
    const all = point.hardOfClass.reduce((sum, n) => sum + n, 0);
    return all > 0 ? point.hardOfClass[i] / all : 0;
  },
};

/**
 * Returns what the classes with the largest shares of `kind` have in each point, as
 * [{name, values}], seven at most, and the rest as one more.
 */
export function classShares(points, kind) {
  const of = SHARES[kind];
  const sums = new Map();
  const byPoint = points.map((point) => new Map(point.classes.map((id, i) => {
    const share = of(point, i) || 0;
    sums.set(id, (sums.get(id) ?? 0) + share);
    return [id, share];
  })));
  const ids = [...sums.keys()].filter((id) => id >= 0);
  const most = ids.length > 8 || sums.has(-1) ? 7 : 8;
  const top = ids.sort((a, b) => sums.get(b) - sums.get(a)).slice(0, most).sort((a, b) => a - b);
  const series = top.map((id) => ({ name: `class ${id}`, values: byPoint.map((shares) => shares.get(id) ?? 0) }));
  if (ids.length > top.length || sums.has(-1)) {
    series.push({ name: "the others", values: byPoint.map((shares) => {
      let rest = 0;
      for (const [id, share] of shares) if (!top.includes(id)) rest += share;
      return rest;
    }) });
  }
  return series;
}

/** Returns the points of each epoch as one: means by presentations, and the last learning rate. */
export function byEpoch(points) {
  const epochs = new Map();
  for (const point of points) {
    const before = epochs.get(point.epoch);
    epochs.set(point.epoch, before ? merge(before, point) : point);
  }
  return [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
}

function merge(a, b) {
  const n = a.presentations + b.presentations;
  const mean = (x, y) => (n > 0 ? (a.presentations * x + b.presentations * y) / n : NaN);
  const classes = [...new Set([...a.classes, ...b.classes])].sort((x, y) => (y < 0) - (x < 0) || x - y);
  const at = (point, column, id) => point[column][point.classes.indexOf(id)] ?? 0;
  const columnOf = (column, join) => classes.map((id) => join(at(a, column, id), at(b, column, id)));
  const merged = { ...b, presentations: n, firstStep: Math.min(a.firstStep, b.firstStep), classes };
  for (const name of ["meanLoss", "hard", "turnedEasy", "turnedHard", "forgotten"]) merged[name] = mean(a[name], b[name]);
  if (Number.isNaN(b.learningRate)) merged.learningRate = a.learningRate;
  merged.loss = columnOf("loss", mean);
  merged.gradient = columnOf("gradient", mean);
  merged.hardOfClass = columnOf("hardOfClass", (x, y) => x + y);
  return merged;
}
