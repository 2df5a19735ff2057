// What a person corrects in a layer: names, merges, marks and splits of clusters, moved points and outliers; kept in this browser.

const MOST_NEW = 1000; // clusters that can be added
const MOST_PAST = 50; // steps that can be undone

class Corrections {
  // `layer`: n_clusters, clusters, fingerprint, and the corrections that were applied to it, or null.
  constructor(about, layer, onChange) {
    Object.assign(this, { about, layer, onChange });
    this.n = layer.n_clusters; // clusters that the run found
    this.applied = whole(layer.applied ?? {});
    const since = layer.applied ? ` ${JSON.stringify(layer.applied)}` : "";
    this.key = `n2d ${about.title} ${layer.fingerprint}${since}`;
    this.state = this.applied;
    this.past = [];
    this.saved = null; // the state that was saved as a file
    try {
      const kept = JSON.parse(stored(this.key));
      const past = (kept.past ?? []).map((before) => whole(JSON.parse(before)));
      if (this.isSound(whole(kept)) && past.every((before) => this.isSound(before))) {
        const saved = kept.saved ? JSON.stringify(whole(JSON.parse(kept.saved))) : null;
        Object.assign(this, { state: whole(kept), past: past.map((before) => JSON.stringify(before)), saved });
      }
    } catch {
      // nothing is kept, or nothing that this page wrote
    }
    this.grow();
  }

  isSound(state) {
    const { names, merged, marked, moved, outliers, split } = state;
    const most = Math.min(this.n + MOST_NEW, this.last(state) + 1);
    const isCluster = (i) => Number.isInteger(Number(i)) && i >= 0 && i < most;
    const isSample = (i) => Number.isInteger(Number(i)) && i >= 0 && i < this.about.n_samples;
    const isSplit = ([i, into]) => this.layer.clusters[i]?.smaller > 0 && isCluster(into) && into >= this.n;
    const isMerge = ([i, j]) => isCluster(i) && isCluster(j) && !(j in merged) && (i >= this.n || j < this.n);
    return [
      Object.entries(names).every(([i, name]) => isCluster(i) && typeof name === "string"),
      Object.entries(merged).every(isMerge),
      Object.entries(moved).every(([i, into]) => isSample(i) && isCluster(into)),
      Object.entries(split).every(isSplit) && new Set(Object.values(split)).size === Object.keys(split).length,
      marked.every(isCluster) && outliers.every(isSample),
    ].every(Boolean);
  }

  // The greatest number of a cluster, also of those that were added.
  last({ moved, split }) {
    return [...Object.values(moved), ...Object.values(split)].reduce((most, into) => Math.max(most, into), this.n - 1);
  }

  // The colour that a cluster gets if it is added next.
  get nextColor() {
    const { colors } = this.about;
    return colors[this.layer.clusters.length % colors.length];
  }

  // Clusters that were added, as those that the run found.
  grow() {
    const { clusters } = this.layer;
    const last = this.last(this.state);
    clusters.length = this.n;
    while (clusters.length <= last) {
      clusters.push({ name: null, color: this.nextColor, size: 0, smaller: 0, description: "", members: [] });
    }
    this.odd = new Set(this.state.outliers);
  }

  // The cluster that a cluster has become part of, or itself.
  rootOf(cluster) {
    return this.state.merged[cluster] ?? cluster;
  }

  nameOf(cluster) {
    return this.state.names[cluster] ?? this.layer.clusters[cluster].name ?? "";
  }

  // Name and number, the name of at most so many characters.
  captionOf(cluster, most = Infinity) {
    const name = shortened(this.nameOf(cluster), most);
    return name ? `${name} (cluster ${cluster})` : `cluster ${cluster}`;
  }

  // What stands on the map: names alone, which differ.
  titleOf(cluster) {
    return this.nameOf(cluster) || `cluster ${cluster}`;
  }

  // Whether anything is not applied yet, and whether it is in a file.
  get isNew() {
    return JSON.stringify(this.state) !== JSON.stringify(this.applied);
  }

  get isSaved() {
    return this.saved === JSON.stringify(this.state);
  }

  get count() {
    const { names, merged, marked, moved, outliers, split } = this.state;
    const counts = [names, merged, moved, split].map((part) => Object.keys(part).length);
    return counts.reduce((a, b) => a + b) + marked.length + outliers.length;
  }

  change(edit) {
    const before = JSON.stringify(this.state);
    const state = JSON.parse(before);
    edit(state);
    this.prune(state);
    if (JSON.stringify(state) === before) return;
    this.past = [...this.past, before].slice(-MOST_PAST);
    this.state = state;
    this.keep();
  }

  // Without clusters that were added and have lost all their points.
  prune(state) {
    const last = this.last(state);
    for (const part of [state.names, state.merged]) for (const i of Object.keys(part)) if (i > last) delete part[i];
    state.marked = state.marked.filter((i) => i <= last);
  }

  rename(cluster, name) {
    const text = name.slice(0, 200).replace(/[\p{Cc}\p{Cs}]/gu, " ").trim();
    if (text === this.nameOf(cluster)) return;
    this.change(({ names }) => {
      if (text === (this.layer.clusters[cluster].name ?? "")) delete names[cluster];
      else names[cluster] = text;
    });
  }

  merge(cluster, into) {
    this.change((state) => {
      for (const [i, j] of Object.entries(state.merged)) if (j === cluster) state.merged[i] = into;
      state.merged[cluster] = into;
      delete state.names[cluster];
      state.marked = state.marked.filter((other) => other !== cluster);
    });
  }

  // Take one cluster, or all, out of what they were merged into.
  unmerge(into, part = null) {
    this.change(({ merged }) => {
      for (const [i, j] of Object.entries(merged)) if (j === into && (part === null || Number(i) === part)) delete merged[i];
    });
  }

  mark(cluster) {
    this.change((state) => {
      const { marked } = state;
      state.marked = marked.includes(cluster) ? marked.filter((other) => other !== cluster) : [...marked, cluster];
    });
  }

  // Move samples, { index, found }, to a cluster; null is a new one. Return its number.
  move(samples, into) {
    const to = into ?? this.layer.clusters.length;
    if (to >= this.n + MOST_NEW) return null;
    this.change(({ moved }) => {
      for (const { index, found } of samples) {
        if (found === to) delete moved[index];
        else moved[index] = to;
      }
    });
    return to;
  }

  // Make the smaller half of a cluster that the run found a new one. Return its number, null if there is no room.
  split(cluster) {
    const to = this.layer.clusters.length;
    if (to >= this.n + MOST_NEW) return null;
    this.change(({ split }) => {
      split[cluster] = to;
    });
    return to;
  }

  markOutliers(indices, isOdd) {
    this.change((state) => {
      const odd = new Set(state.outliers);
      for (const index of indices) {
        if (isOdd) odd.add(index);
        else odd.delete(index);
      }
      state.outliers = [...odd].sort((a, b) => a - b);
    });
  }

  discard() {
    this.change((state) => Object.assign(state, JSON.parse(JSON.stringify(this.applied))));
  }

  undo() {
    if (!this.past.length) return;
    this.state = JSON.parse(this.past.at(-1));
    this.past = this.past.slice(0, -1);
    this.keep();
  }

  keep() {
    this.remember();
    this.grow();
    this.onChange();
  }

  // With as many steps back as there is room for.
  remember() {
    const { past, saved, state } = this;
    for (let from = 0; from <= past.length; from += 1 + Math.floor((past.length - from) / 2)) {
      if (store(this.key, JSON.stringify({ ...state, past: past.slice(from), saved }))) return;
    }
  }

  // What `n2d.py apply` reads.
  get file() {
    const { title, n_samples } = this.about;
    const { fingerprint } = this.layer;
    const of = { n2d: "corrections", title, fingerprint, n_samples, n_clusters: this.n };
    return `${JSON.stringify({ ...of, ...this.state }, null, 2)}\n`;
  }

  wasSaved() {
    this.saved = JSON.stringify(this.state);
    this.remember();
  }
}

// All parts of corrections, in one order; older pages knew no moved points, no outliers and no split.
function whole({ names = {}, merged = {}, marked = [], moved = {}, outliers = [], split = {} }) {
  return { names, merged, marked, moved, outliers, split };
}
