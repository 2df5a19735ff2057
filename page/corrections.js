// Names, merges and marks that a person gives to clusters, with a way back; kept in this browser.

class Corrections {
  constructor(about, onChange) {
    this.about = about;
    this.onChange = onChange;
    this.applied = about.corrections ?? { names: {}, merged: {}, marked: [] };
    const since = about.corrections ? ` ${JSON.stringify(about.corrections)}` : "";
    this.key = `n2d ${about.title} ${about.fingerprint}${since}`;
    this.state = this.applied;
    this.past = [];
    try {
      const kept = JSON.parse(localStorage.getItem(this.key));
      if (this.isSound(kept)) this.state = kept;
    } catch {
      // no storage, as in some notebooks: nothing is kept
    }
  }

  isSound({ names, merged, marked }) {
    const isCluster = (i) => Number(i) in this.about.clusters;
    const [renamed, gone] = [Object.entries(names), Object.entries(merged)];
    const isGood = renamed.every(([i, name]) => isCluster(i) && typeof name === "string");
    return isGood && gone.every(([i, j]) => isCluster(i) && isCluster(j) && !(j in merged)) && marked.every(isCluster);
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

  // Whether anything is not applied yet.
  get isNew() {
    return JSON.stringify(this.state) !== JSON.stringify(this.applied);
  }

  get count() {
    const { names, merged, marked } = this.state;
    return Object.keys(names).length + Object.keys(merged).length + marked.length;
  }

  change(edit) {
    this.past.push(JSON.stringify(this.state));
    this.state = JSON.parse(JSON.stringify(this.state));
    edit(this.state);
    this.keep();
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

  mark(cluster) {
    this.change((state) => {
      const { marked } = state;
      state.marked = marked.includes(cluster) ? marked.filter((other) => other !== cluster) : [...marked, cluster];
    });
  }

  undo() {
    if (!this.past.length) return;
    this.state = JSON.parse(this.past.pop());
    this.keep();
  }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.state));
    } catch {
      // see above
    }
    this.onChange();
  }

  // What `n2d.py apply` reads.
  get file() {
    const { title, fingerprint, n_samples, clusters } = this.about;
    const of = { n2d: "corrections", title, fingerprint, n_samples, n_clusters: clusters.length };
    return `${JSON.stringify({ ...of, ...this.state }, null, 2)}\n`;
  }
}
