// What a person corrects: names, merges and marks of clusters, moved points and outliers; kept in this browser.

const MOST_NEW = 1000; // clusters that can be added
const MOST_PAST = 50; // steps that can be undone

class Corrections {
  constructor(about, onChange) {
    this.about = about;
    this.onChange = onChange;
    this.n = about.clusters.length; // clusters that the run found
    this.applied = whole(about.corrections ?? {});
    const since = about.corrections ? ` ${JSON.stringify(about.corrections)}` : "";
    this.key = `n2d ${about.title} ${about.fingerprint}${since}`;
    this.state = this.applied;
    this.past = [];
    this.saved = null; // the state that was saved as a file
    try {
      const kept = JSON.parse(stored(this.key));
      const past = kept.past ?? [];
      if (this.isSound(whole(kept)) && past.every((before) => this.isSound(JSON.parse(before)))) {
        Object.assign(this, { state: whole(kept), past, saved: kept.saved ?? null });
      }
    } catch {
      // nothing is kept, or nothing that this page wrote
    }
    this.grow();
  }

  isSound({ names, merged, marked, moved, outliers }) {
    const most = Math.min(this.n + MOST_NEW, Math.max(this.n, ...Object.values(moved).map((into) => into + 1)));
    const isCluster = (i) => Number.isInteger(Number(i)) && i >= 0 && i < most;
    const isSample = (i) => Number.isInteger(Number(i)) && i >= 0 && i < this.about.n_samples;
    const isMerge = ([i, j]) => isCluster(i) && isCluster(j) && !(j in merged) && (i >= this.n || j < this.n);
    return [
      Object.entries(names).every(([i, name]) => isCluster(i) && typeof name === "string"),
      Object.entries(merged).every(isMerge),
      Object.entries(moved).every(([i, into]) => isSample(i) && isCluster(into)),
      marked.every(isCluster) && outliers.every(isSample),
    ].every(Boolean);
  }

  // Clusters that were added, as those that the run found.
  grow() {
    const { clusters, colors } = this.about;
    const last = Object.values(this.state.moved).reduce((most, into) => Math.max(most, into), this.n - 1);
    clusters.length = this.n;
    while (clusters.length <= last) {
      const color = colors[clusters.length % colors.length];
      clusters.push({ name: null, color, size: 0, description: "", members: [] });
    }
    this.odd = new Set(this.state.outliers);
  }

  // The cluster that a cluster has become part of, or itself.
  rootOf(cluster) {
    return this.state.merged[cluster] ?? cluster;
  }

  nameOf(cluster) {
    return this.state.names[cluster] ?? this.about.clusters[cluster].name ?? "";
  }

  captionOf(cluster) {
    const name = this.nameOf(cluster);
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
    const { names, merged, marked, moved, outliers } = this.state;
    const counts = [names, merged, moved].map((part) => Object.keys(part).length);
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
    const last = Object.values(state.moved).reduce((most, into) => Math.max(most, into), this.n - 1);
    for (const part of [state.names, state.merged]) for (const i of Object.keys(part)) if (i > last) delete part[i];
    state.marked = state.marked.filter((i) => i <= last);
  }

  rename(cluster, name) {
    const text = name.slice(0, 200).replace(/[\p{Cc}\p{Cs}]/gu, " ").trim();
    if (text === this.nameOf(cluster)) return;
    this.change(({ names }) => {
      if (text === (this.about.clusters[cluster].name ?? "")) delete names[cluster];
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
    const to = into ?? this.about.clusters.length;
    if (to >= this.n + MOST_NEW) return null;
    this.change(({ moved }) => {
      for (const { index, found } of samples) {
        if (found === to) delete moved[index];
        else moved[index] = to;
      }
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
    const { title, fingerprint, n_samples } = this.about;
    const of = { n2d: "corrections", title, fingerprint, n_samples, n_clusters: this.n };
    return `${JSON.stringify({ ...of, ...this.state }, null, 2)}\n`;
  }

  wasSaved() {
    this.saved = JSON.stringify(this.state);
    this.remember();
  }
}

// All parts of corrections, in one order; older pages knew no moved points and no outliers.
function whole({ names = {}, merged = {}, marked = [], moved = {}, outliers = [] }) {
  return { names, merged, marked, moved, outliers };
}
