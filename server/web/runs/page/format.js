// How numbers read.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export const count = (n) => whole.format(n);
export const compact = (n) => (Math.abs(n) < 10000 ? whole.format(n) : short.format(n));

/** Returns a number in `digits` significant digits, as people write it. */
export function decimal(x, digits = 4) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e-3 && size < 1e6) return minus(String(Number(x.toPrecision(digits))));
  return scientific(x, digits);
}

function scientific(x, digits) {
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  return minus(`${Number(mantissa)}e${Number(exponent)}`);
}

/** Returns a number with so many digits behind the point, so that columns line up. */
export const fixed = (x, digits) => (Number.isFinite(x) ? minus(x.toFixed(digits)) : decimal(x));

export function percent(x) {
  if (!Number.isFinite(x)) return "–";
  const value = 100 * x;
  if (value === 0 || value >= 99.95) return `${Math.round(value)} %`;
  return `${value >= 10 ? value.toFixed(1) : Number(value.toPrecision(2))} %`;
}

/** Returns a share for an axis, whose marks are round. */
export const roundPercent = (x) => `${Number((100 * x).toPrecision(3))} %`;

const minus = (text) => text.replaceAll("-", "−");

/** Returns how long ago a time was. */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  if (Number.isNaN(seconds)) return "–";
  if (seconds < 2) return "now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** Returns about `most` round numbers over [low, high]. */
export function ticks(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12) + 1e-300; ++i) found.push(i * step);
  return found;
}

/** Returns the powers of ten over [low, high], at most about six. */
export function powers(low, high) {
  const from = Math.floor(Math.log10(low) + 1e-9), to = Math.ceil(Math.log10(high) - 1e-9);
  const skip = Math.ceil((to - from) / 5) || 1;
  const found = [];
  for (let power = from; power <= to; power += skip) found.push(10 ** power);
  return found;
}
