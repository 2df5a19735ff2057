// Layers: the clusterings of the points into a few, some and many clusters, each with corrections of its own.

class Layer {
  // `of`: what the page was told of it.
  constructor(points, of, onChange) {
    const { about, arrays } = points;
    Object.assign(this, { ...of, points }); // n_clusters, reason, is_chosen, fingerprint, clusters
    this.found = arrays[`found ${of.n_clusters}`];
    this.half = of.is_chosen ? arrays.half : null; // 1: in the smaller part of its cluster
    this.applied = of.is_chosen ? about.corrections : null;
    this.corrections = new Corrections(about, this, onChange);
    this.correct();
  }

  // The cluster of a point before moves and merges.
  divided(i) {
    const c = this.found[i];
    return this.half?.[i] === 1 ? (this.corrections.state.split[c] ?? c) : c;
  }

  correct() {
    const { clusters, corrections, points } = this;
    const roots = clusters.map((_, c) => corrections.rootOf(c));
    this.cluster = new Uint16Array(points.n);
    for (let i = 0; i < points.n; i += 1) this.cluster[i] = roots[this.divided(i)];
    for (const [index, into] of Object.entries(corrections.state.moved)) {
      const i = points.placeOf(Number(index));
      if (i !== undefined) this.cluster[i] = roots[into];
    }
  }

  members(c) {
    return this.points.filter((i) => this.cluster[i] === c);
  }
}

// The control that says which layer is shown.
class LayerControl {
  constructor(explorer) {
    const { about, points } = explorer;
    const layers = points.ascending;
    byId("layers").hidden = layers.length < 2;
    if (layers.length < 2) return;
    const key = `n2d layer ${about.title} ${points.layer.fingerprint}`;
    const buttons = layers.map((layer) => {
      const made = button(String(layer.n_clusters), "layer", null, plural(layer.n_clusters, "cluster"));
      made.title = layer.reason;
      made.setAttribute("role", "radio");
      return made;
    });
    radios(buttons, (chosen) => {
      const layer = layers[buttons.indexOf(chosen)];
      byId("layer-reason").textContent = layer.reason;
      store(key, layer.fingerprint);
      if (layer !== points.layer) explorer.showLayer(layer);
    });
    byId("layer-choice").append(...buttons);
    const last = layers.findIndex(({ fingerprint }) => fingerprint === stored(key)); // where the person left
    buttons[last < 0 ? layers.indexOf(points.layer) : last].click();
  }
}
