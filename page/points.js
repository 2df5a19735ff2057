// What is known of points, and of their clusters as these are after corrections.

class Points {
  constructor({ about, arrays, thumbnails }, onChange) {
    Object.assign(this, { about, arrays, thumbnails });
    this.n = about.n_points;
    this.index = arrays.index ?? Uint32Array.from({ length: this.n }, (_, i) => i);
    this.columns = new Columns({ about, arrays }, this.n);
    this.describer = new Describer(this);
    this.place = new Map(about.n_points < about.n_samples ? [...this.index].map((index, i) => [index, i]) : []);
    this.layers = about.layers.map((of) => new Layer(this, of, onChange));
    this.show(this.layers[0]); // the chosen one
  }

  // Show the clusters of a layer.
  show(layer) {
    this.layer = layer;
    this.correct();
  }

  // The layers, the fewest clusters first.
  get ascending() {
    return [...this.layers].sort((a, b) => a.n_clusters - b.n_clusters);
  }

  get corrections() {
    return this.layer.corrections;
  }

  get clusters() {
    return this.layer.clusters;
  }

  correct() {
    this.layer.correct();
    this.cluster = this.layer.cluster;
    this.findFacts();
  }

  // Points
  get isLabelled() {
    return "label" in this.arrays;
  }

  // The point of a sample, by its number; undefined if it is not on the page.
  placeOf(index) {
    return this.place.size ? this.place.get(index) : index;
  }

  isOdd(i) {
    return this.corrections.odd.has(this.index[i]);
  }

  clusterOf(i) {
    return this.cluster[i];
  }

  classOf(i) {
    return this.about.classes[this.arrays.label[i]].name;
  }

  // What is known of every point, as the columns of clusters.csv: { name, text(i) }, and of(i) of numbers.
  get facts() {
    const { about, arrays, clusters, columns, corrections, layers } = this;
    const others = layers.filter((layer) => layer !== this.layer);
    const hasNames = clusters.some((_, c) => corrections.nameOf(c));
    const score = (id) => columns.byId.get(id) && { ...columns.byId.get(id), name: id };
    return [
      { name: "index", of: (i) => this.index[i], text: (i) => String(this.index[i]) },
      { name: "cluster", of: (i) => this.clusterOf(i), text: (i) => String(this.clusterOf(i)) },
      hasNames && { name: "cluster_name", text: (i) => corrections.nameOf(this.clusterOf(i)) },
      corrections.odd.size && { name: "marked_outlier", text: (i) => (this.isOdd(i) ? "1" : "0") },
      ...others.map(({ n_clusters: n, found }) => ({ name: `cluster_of_${n}`, of: (i) => found[i], text: (i) => String(found[i]) })),
      score("confidence"),
      score("outlier"),
      this.isLabelled && { name: "label", text: (i) => (arrays.label[i] < about.n_known ? this.classOf(i) : "") },
      about.names && { name: "name", text: (i) => about.names[i] },
      about.texts && { name: "text", text: (i) => about.texts[i] },
    ].filter(Boolean);
  }

  // These, and the data's own columns, under names that differ.
  get table() {
    const taken = new Set(this.facts.map(({ name }) => name));
    const own = this.columns.own.map((column) => {
      let { name } = column;
      while (taken.has(name)) name += " of the data";
      taken.add(name);
      return { ...column, name };
    });
    return [...this.facts, ...own];
  }

  // What a score means. The confidence is that of the chosen clusters, whichever are shown.
  meaningOf(id) {
    const [chosen] = this.layers;
    const of = id === "confidence" && this.layer !== chosen ? ` It is of the ${chosen.n_clusters} clusters of this run.` : "";
    return id in MEANINGS ? MEANINGS[id] + of : "";
  }

  titleOf(i) {
    if (this.about.texts) return this.about.texts[i] || "(empty)";
    return this.about.names ? this.about.names[i] : `${this.index[i]}`;
  }

  filter(isMeant) {
    const found = [];
    for (let i = 0; i < this.n; i += 1) if (isMeant(i)) found.push(i);
    return found;
  }

  neighborsOf(i) {
    const { neighbors } = this.arrays;
    if (!neighbors) return [];
    const each = neighbors.length / this.n;
    return [...neighbors.subarray(i * each, (i + 1) * each)].filter((j) => j >= 0);
  }

  // The features of a point that are furthest from their mean.
  telling(i) {
    const { names, mean, deviation, common } = this.about.features;
    const { values, telling, telling_values: own } = this.arrays;
    const each = telling ? telling.length / this.n : common.length;
    const found = Array.from({ length: each }, (_, k) => {
      const feature = telling ? telling[i * each + k] : common[k];
      const value = telling ? own[i * each + k] : values[i * each + k];
      return { name: names[feature], value, z: (value - mean[feature]) / deviation[feature] };
    });
    return found.sort((a, b) => Math.abs(b.z) - Math.abs(a.z)).slice(0, 5);
  }

  // The features in which points differ most from all.
  compared(points) {
    const { names, mean, deviation, common } = this.about.features;
    const { values } = this.arrays;
    const found = common.map((feature, k) => {
      let sum = 0;
      for (const i of points) sum += values[i * common.length + k];
      const here = sum / points.length;
      return { name: names[feature], here, all: mean[feature], z: (here - mean[feature]) / deviation[feature] };
    });
    return found.sort((a, b) => Math.abs(b.z) - Math.abs(a.z)).slice(0, 10);
  }

  // Clusters
  get roots() {
    return [...this.ofCluster.keys()];
  }

  members(c) {
    return this.layer.members(c);
  }

  // Of each cluster as it is now: size of all samples, confidence of those shown, members, what is special.
  findFacts() {
    const { arrays, clusters, corrections } = this;
    const [counts, sums] = [new Uint32Array(clusters.length), new Float64Array(clusters.length)];
    for (let i = 0; i < this.n; i += 1) {
      counts[this.cluster[i]] += 1;
      sums[this.cluster[i]] += arrays.confidence[i] / 1e4;
    }
    const roots = clusters.map((_, c) => c).filter((c) => corrections.rootOf(c) === c);
    const found = new Map(roots.map((c) => [c, { size: 0, n: counts[c], sum: sums[c], parts: [] }]));
    clusters.forEach(({ size }, c) => {
      const of = found.get(corrections.rootOf(c));
      of.size += size;
      of.parts.push(c);
    });
    const changed = new Set();
    const shift = (from, into, n) => {
      for (const [c, by] of [[from, -n], [into, n]]) {
        found.get(corrections.rootOf(c)).size += by;
        changed.add(corrections.rootOf(c));
      }
    };
    for (const [c, into] of Object.entries(corrections.state.split)) shift(Number(c), into, clusters[c].smaller);
    for (const [index, into] of Object.entries(corrections.state.moved)) {
      const i = this.placeOf(Number(index));
      if (i !== undefined) shift(this.layer.divided(i), into, 1);
    }
    for (const [c, of] of found) {
      if (!of.size && changed.has(c)) found.delete(c);
      else if (!of.size && c >= corrections.n) found.delete(c);
    }
    for (const [c, of] of found) {
      of.parts.sort((a, b) => (b === c) - (a === c));
      if (of.parts.length === 1 && !changed.has(c)) {
        const { members, description } = clusters[c];
        Object.assign(of, { members: members.slice(0, 8), description });
        continue;
      }
      const inside = this.members(c);
      of.members = this.describer.typical(inside, 8);
      of.description = this.describer.describe(inside, found.size);
    }
    this.ofCluster = found;
  }
}
