// The tree of layers: the clusters of each are listed under those of the next coarser one.

class Tree {
  constructor(explorer) {
    this.explorer = explorer;
    this.found = null; // what `branches` returned, until clusters change
    this.folded = new Set(); // nodes whose branches are not shown
    byId("tree").hidden = explorer.points.layers.length < 2;
    byId("tree").ontoggle = () => this.list();
  }

  // Where clusters of a layer are no divisions of those above, each is under the one that most of it is in.
  branches() {
    const layers = this.explorer.points.ascending;
    const levels = layers.map((layer) => layer.clusters.map((_, c) => ({ layer, c, n: 0, share: 1, key: `${layer.n_clusters} ${c}`, under: [] })));
    let roots = [];
    layers.forEach((layer, k) => {
      const above = layers[k - 1];
      const overlaps = levels[k].map(() => new Map());
      for (let i = 0; i < layer.cluster.length; i += 1) {
        const c = layer.cluster[i];
        levels[k][c].n += 1;
        if (above) overlaps[c].set(above.cluster[i], (overlaps[c].get(above.cluster[i]) ?? 0) + 1);
      }
      const nodes = levels[k].filter(({ n }) => n).sort((a, b) => b.n - a.n);
      if (!above) roots = nodes;
      else {
        for (const node of nodes) {
          const [into, n] = [...overlaps[node.c]].reduce((most, one) => (one[1] > most[1] ? one : most));
          node.share = n / node.n;
          levels[k - 1][into].under.push(node);
        }
      }
    });
    return { roots, levels };
  }

  list() {
    if (byId("tree").hidden || !byId("tree").open) return;
    const focused = document.activeElement?.dataset?.node;
    this.found ??= this.branches();
    const { roots, levels } = this.found;
    byId("branches").replaceChildren(...roots.map((node) => this.item(node)));
    byId("tree-hint").textContent = this.said(levels);
    if (focused) document.querySelector(`[data-node="${focused}"]`)?.focus();
  }

  // Which layers are no divisions of the coarser ones.
  said(levels) {
    const numbers = this.explorer.points.ascending.map(({ n_clusters: n }) => n);
    const apart = numbers.filter((_, k) => levels[k].some(({ share }) => share < 1));
    const each = "each is under the one that most of it is in, with that share of it";
    return apart.length ? `The ${apart.join(" and the ")} clusters are not all parts of coarser ones: ${each}.` : "Each cluster is a part of the one above it.";
  }

  item(node) {
    const { layer, c, n, share, key, under } = node;
    const { points } = this.explorer;
    const caption = `${layer.corrections.captionOf(c)} of ${layer.n_clusters}`;
    const isFolded = this.folded.has(key);
    const item = element("li");
    const row = element("div", { className: "node" });
    if (under.length) {
      const fold = button(isFolded ? "▸" : "▾", "fold", () => {
        if (!this.folded.delete(key)) this.folded.add(key);
        this.list();
      }, `Parts of ${caption}`);
      fold.dataset.node = `fold ${key}`;
      fold.setAttribute("aria-expanded", String(!isFolded));
      row.append(fold);
    }
    const open = button("", "node", () => this.open(node, caption));
    open.dataset.node = key;
    open.title = caption;
    if (layer === points.layer) open.classList.add("of-layer");
    open.append(
      swatch(this.explorer.map.css(layer.clusters[c].color)),
      element("span", { className: "name", textContent: layer.corrections.titleOf(c) }),
      element("small", { textContent: `of ${layer.n_clusters}` }),
      element("span", { className: "count", textContent: share < 1 ? `${count(n)}, ${Math.round(100 * share)}%` : count(n) }),
    );
    row.append(open);
    item.append(row);
    if (under.length && !isFolded) item.append(element("ul", {}, ...under.map((child) => this.item(child))));
    return item;
  }

  // Show the points of a node, in whichever layer is shown.
  open({ layer, c }, caption) {
    const { explorer } = this;
    if (layer === explorer.points.layer) return explorer.openCluster(c);
    const inside = layer.members(c);
    explorer.select(inside, `in ${caption}`);
    explorer.map.show(inside);
  }
}
