// What sets a corrected cluster apart, in words, and its typical members: as `profiles.py` does it for those of the run.

const CLEAR = 0.33; // Cliff's delta from which on a feature is named
const ALIKE = 0.8; // rank correlation from which on features say the same
const TOLD = 3; // features, and words
const SAMPLED = 1000; // points of each side that are compared
const WORDS = /(?<![\p{L}\p{N}])\p{L}{2,}(?=\d*(?![\p{L}\p{N}]))/gu;

class Describer {
  constructor({ about, arrays, n, x, y }) {
    Object.assign(this, { about, arrays, n, x, y });
    this.ranks = new Map();
  }

  describe(inside, nClusters) {
    if (!inside.length || inside.length === this.n) return "";
    const words = this.about.names ? this.words(inside, nClusters) : [];
    const features = this.about.features && (this.about.features.is_named || !words.length) ? this.features(inside) : [];
    return [...features, words.length && `words: ${words.join(" ")}`].filter(Boolean).join(", ");
  }

  // The ranks of all points in a feature; equal ones have the mean of theirs.
  ranksOf(k) {
    if (this.ranks.has(k)) return this.ranks.get(k);
    const { values } = this.arrays;
    const each = this.about.features.common.length;
    const value = (i) => values[i * each + k];
    const order = Uint32Array.from({ length: this.n }, (_, i) => i).sort((a, b) => value(a) - value(b));
    const ranks = new Float32Array(this.n);
    for (let start = 0, end; start < this.n; start = end) {
      for (end = start + 1; end < this.n && value(order[end]) === value(order[start]); ) end += 1;
      for (let j = start; j < end; j += 1) ranks[order[j]] = (start + end + 1) / 2;
    }
    this.ranks.set(k, ranks);
    return ranks;
  }

  features(inside) {
    const { names, common } = this.about.features;
    const [n, m] = [inside.length, this.n - inside.length];
    const effects = common.map((feature, k) => {
      const ranks = this.ranksOf(k);
      const sum = inside.reduce((total, i) => total + ranks[i], 0);
      return { k, name: names[feature], effect: (2 * (sum - (n * (n + 1)) / 2)) / (n * m) - 1 };
    });
    return this.clearest(effects);
  }

  // What sets points apart from others, in words: not from all, as in `describe`.
  between(inside, others) {
    if (!this.about.features) return "";
    const { names, common } = this.about.features;
    const [some, rest] = [inside, others].map((points) => points.filter((_, k) => k % Math.ceil(points.length / SAMPLED) === 0));
    const effects = common.map((feature, k) => {
      const [here, there] = [some, rest].map((points) => Float64Array.from(points, (i) => this.arrays.values[i * common.length + k]).sort());
      let sum = 0; // of Cliff's delta: how many of the others are less, or not greater
      for (const value of here) sum += below(there, value) + belowOrAt(there, value) - there.length;
      return { k, name: names[feature], effect: sum / (here.length * there.length) };
    });
    return this.clearest(effects).join(", ");
  }

  // The clearest effects, without those that say the same.
  clearest(effects) {
    effects.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
    const told = [];
    for (const one of effects.slice(0, 10)) {
      if (Math.abs(one.effect) >= CLEAR && told.every((other) => this.correlation(one.k, other.k) < ALIKE)) told.push(one);
    }
    return told.slice(0, TOLD).map(({ k, name, effect }) => {
      const said = name.split(/\s+/).join(" ");
      if (this.isBinary(k)) return effect > 0 ? said : `not ${said}`;
      return `${effect > 0 ? "high" : "low"} ${said}`;
    });
  }

  isBinary(k) {
    const each = this.about.features.common.length;
    for (let i = k; i < this.arrays.values.length; i += each) if (this.arrays.values[i] !== 0 && this.arrays.values[i] !== 1) return false;
    return true;
  }

  correlation(a, b) {
    const [first, second] = [this.ranksOf(a), this.ranksOf(b)];
    const middle = (this.n + 1) / 2;
    let [both, one, other] = [0, 0, 0];
    for (let i = 0; i < this.n; i += 1) {
      const [p, q] = [first[i] - middle, second[i] - middle];
      both += p * q;
      one += p * p;
      other += q * q;
    }
    return Math.abs(both) / Math.sqrt(one * other || 1);
  }

  // Words that are frequent in the names of these points, and rare in others: c-TF-IDF, see `profiles.terms_of`.
  words(inside, nClusters) {
    this.ofNames ??= this.about.names.map((name) => name.toLowerCase().match(WORDS) ?? []);
    const [all, here, having, there] = [new Map(), new Map(), new Map(), new Map()];
    const add = (counts, word) => counts.set(word, (counts.get(word) ?? 0) + 1);
    const among = new Set(inside);
    this.ofNames.forEach((words, i) => {
      for (const word of words) [all, ...(among.has(i) ? [here] : [])].forEach((counts) => add(counts, word));
      for (const word of new Set(words)) [having, ...(among.has(i) ? [there] : [])].forEach((counts) => add(counts, word));
    });
    const total = (counts) => [...counts].reduce((sum, [word, n]) => sum + (having.get(word) >= 3 ? n : 0), 0);
    const [mean, own] = [total(all) / nClusters, total(here) || 1];
    const found = [...there].filter(([word, n]) => {
      const share = n / inside.length;
      return n >= 3 && share >= 0.1 && share >= (2 * (having.get(word) - n)) / (this.n - inside.length);
    });
    const weight = ([word]) => (here.get(word) / own) * Math.log1p(mean / all.get(word));
    return found.sort((a, b) => weight(b) - weight(a)).slice(0, TOLD).map(([word]) => word);
  }

  // The points nearest to the mean of these: of a table in standard deviations, of images on the map.
  typical(inside, most) {
    const { x, y } = this.arrays;
    let columns = [(i) => x[i], (i) => y[i]];
    if (this.about.features) {
      const { common, deviation } = this.about.features;
      columns = common.map((feature, k) => (i) => this.arrays.values[i * common.length + k] / deviation[feature]);
    }
    const means = columns.map((of) => inside.reduce((sum, i) => sum + of(i), 0) / inside.length);
    const far = new Map(inside.map((i) => [i, columns.reduce((sum, of, k) => sum + (of(i) - means[k]) ** 2, 0)]));
    return [...inside].sort((a, b) => far.get(a) - far.get(b)).slice(0, most);
  }
}
