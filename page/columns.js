// The columns of the data: to colour, filter and sort by, to show and to save. Each is of numbers or of words.

const MEANINGS = {
  confidence: "Confidence is the share of a point’s neighbourhood that is in its cluster: 1 is all of it.",
  outlier: "The outlier score is 0 for a point as near to its neighbours as these are to theirs, close to 1 for one much farther.",
};
const STEPS = [0, 0.3, 0.5, 0.7, 0.9]; // of confidence and outlier scores, each with a colour of its own
const MOST_WORDS = 30; // different words of a column that has a colour for each
const FEW_VALUES = 10; // different numbers that have a colour each
const BINS = 7; // colours of more numbers, about
const CROWDED = 0.6; // share of the points in one of them from which on all have as many points

class Columns {
  constructor({ about, arrays }, n) {
    this.n = n;
    const { names, common } = about.features ?? { names: [], common: [] };
    const numbers = common.map((feature, k) => ({
      feature,
      name: names[feature],
      of: (i) => arrays.values[i * common.length + k],
    }));
    numbers.sort((a, b) => a.feature - b.feature); // as in the file
    const beside = (about.beside ?? []).map((column, k) => notClustered(column, arrays[`beside ${k}`]));
    const own = [...united(numbers, n), ...beside];
    this.own = own.map((column, k) => ({ text: (i) => written(column.of(i)), ...column, id: `column ${k}` }));
    const scores = ["confidence", "outlier"].filter((id) => id in arrays);
    this.scores = scores.map((id) => {
      const of = (i) => arrays[id][i] / 1e4;
      return { id, name: id === "outlier" ? "outlier score" : id, of, text: (i) => of(i).toFixed(4), limits: STEPS };
    });
    this.byId = new Map([...this.scores, ...this.own].map((column) => [column.id, column]));
  }

  // Columns with a colour for each value or step.
  get coloured() {
    return this.own.filter(({ isLong }) => !isLong);
  }

  get beside() {
    return this.own.filter(({ isBeside }) => isBeside);
  }

  // The groups of a column: which each point is in, and the name of each.
  groups(id) {
    const column = this.byId.get(id);
    column.groups ??= column.values ? { of: column.of, names: column.values } : this.inSteps(column);
    return column.groups;
  }

  inSteps(column) {
    const sorted = Float64Array.from({ length: this.n }, (_, i) => column.of(i)).sort();
    const different = new Set();
    for (let i = 0; i < this.n && different.size <= FEW_VALUES; i += 1) different.add(sorted[i]);
    const few = different.size <= FEW_VALUES;
    const limits = column.limits ?? (few ? [...different] : steps(sorted));
    const of = (i) => Math.max(0, limits.findLastIndex((limit) => column.of(i) >= limit));
    if (few && !column.limits) return { of, names: limits.map(number) };
    if (column.limits) return { of, names: limits.map((limit, k) => `${limit} to ${limits[k + 1] ?? 1}`) };
    const name = (k) => (k + 1 < limits.length ? `${number(limits[k])} to ${number(limits[k + 1])}` : `${number(limits[k])} and more`);
    return { of, names: limits.map((_, k) => (k ? name(k) : `less than ${number(limits[1])}`)) };
  }
}

// Limits of steps of 1, 2 or 5 times a power of ten; or, if most numbers are in one, with as many in each.
function steps(sorted) {
  const [low, high] = [at(sorted, 0.01), at(sorted, 0.99)];
  const rough = (high - low) / BINS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const first = Math.ceil(low / step) * step;
  const limits = [sorted[0]];
  for (let k = 0; first + k * step <= high; k += 1) {
    const limit = Number((first + k * step).toPrecision(12));
    if (limit > sorted[0]) limits.push(limit);
  }
  const most = Math.max(...limits.map((limit, k) => below(sorted, limits[k + 1] ?? Infinity) - below(sorted, limit)));
  if (high > low && limits.length > 1 && most < CROWDED * sorted.length) return limits;
  const shares = Array.from({ length: BINS }, (_, k) => sorted[Math.floor((k / BINS) * sorted.length)]);
  const different = [...new Set(shares)];
  return different.length > 1 ? different : [sorted[0], sorted.at(-1)];
}

// How many of sorted numbers are below a limit, and how many are not above it.
const below = (sorted, limit) => firstBeyond(sorted, (value) => value >= limit);
const belowOrAt = (sorted, limit) => firstBeyond(sorted, (value) => value > limit);

// The place of the first of sorted numbers that is beyond something.
function firstBeyond(sorted, isBeyond) {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (!isBeyond(sorted[middle])) from = middle + 1;
    else to = middle;
  }
  return from;
}

// A column of the user's table that was not clustered.
function notClustered({ name, values }, cells) {
  const of = (i) => cells[i];
  if (!values) return { name, of, text: (i) => String(cells[i]), isBeside: true };
  return { name, of, text: (i) => values[cells[i]], values, isBeside: true, isLong: values.length > MOST_WORDS };
}

// Columns as in the user's file: colour=red and colour=blue, one of which is 1, are the words of a column colour.
function united(numbers, n) {
  const prefix = ({ name }) => (name.includes("=") ? name.slice(0, name.indexOf("=")) : null);
  const found = [];
  for (let start = 0, end; start < numbers.length; start = end) {
    const before = prefix(numbers[start]);
    end = start + 1;
    while (before !== null && end < numbers.length && prefix(numbers[end]) === before) end += 1;
    const parts = numbers.slice(start, end);
    const column = parts.length > 1 ? inWords(before, parts, n) : null;
    found.push(...(column ? [column] : parts));
  }
  return found;
}

function inWords(name, parts, n) {
  const codes = new Uint16Array(n).fill(parts.length);
  for (const [k, { of }] of parts.entries()) {
    for (let i = 0; i < n; i += 1) {
      if (of(i) === 0) continue;
      if (of(i) !== 1 || codes[i] < parts.length) return null;
      codes[i] = k;
    }
  }
  const values = parts.map((part) => part.name.slice(name.length + 1));
  if (codes.includes(parts.length)) values.push("another");
  return { name, of: (i) => codes[i], text: (i) => values[codes[i]], values };
}

// A number of single precision, in as few digits as say it.
function written(value) {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7)));
}
