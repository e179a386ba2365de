// Prints what TensorFlow.js's losses give for the inputs that are on stdin, by the calls' names.
console.warn = () => {};
const tf = require("@tensorflow/tfjs");
const inputs = JSON.parse(require("fs").readFileSync(0, "utf8"));

const number = (x) => (Number.isFinite(x) ? x : Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
const numbers = (x) => (Array.isArray(x) ? x.map(numbers) : number(x));

// Each call is the text of an arrow function over z, evaluated where the inputs have their names.
const calls = [
  ["tf.losses.softmaxCrossEntropy(one_hot, z)"],
  ["tf.losses.softmaxCrossEntropy(t, z)"],
  ["tf.losses.softmaxCrossEntropy(one_hot, z, null, 0.1)"],
  ["tf.losses.softmaxCrossEntropy(one_hot, z, s)"],
  ["tf.losses.softmaxCrossEntropy(one_hot, z, s, 0, tf.Reduction.MEAN)"],
  ["tf.losses.softmaxCrossEntropy(one_hot, z, null, 0, tf.Reduction.SUM)"],
  ["tf.losses.softmaxCrossEntropy(one_hot, z, null, 0, tf.Reduction.NONE)"],
  ["tf.losses.softmaxCrossEntropy([[1, 0, 0]], z)", [[0, 1, -Infinity]]],
  ["tf.losses.sigmoidCrossEntropy(b, z)"],
  ["tf.losses.sigmoidCrossEntropy(q, z)"],
  ["tf.losses.sigmoidCrossEntropy(b, z, null, 0.1)"],
  ["tf.losses.logLoss(b, tf.sigmoid(z))"],
];

const names = Object.keys(inputs);
const tensors = names.map((name) => (name === "y" ? tf.tensor(inputs[name], undefined, "int32") : tf.tensor(inputs[name])));
const answers = { version: tf.version.tfjs, losses: Object.keys(tf.losses) };
for (const [call, logits] of calls) {
  const one_hot = tf.oneHot(tensors[names.indexOf("y")], 3).toFloat();
  const others = names.filter((name) => name !== "z");
  const compute = new Function("tf", "z", "one_hot", ...others, `return ${call}`);
  const values = others.map((name) => tensors[names.indexOf(name)]);
  const z = tf.tensor(logits ?? inputs.z);
  const loss = compute(tf, z, one_hot, ...values);
  const gradient = tf.grad((z) => compute(tf, z, one_hot, ...values).sum())(z);
  answers[call] = { [loss.rank ? "losses" : "loss"]: numbers(loss.arraySync()), gradient: numbers(gradient.arraySync()) };
}
console.log(JSON.stringify(answers));
