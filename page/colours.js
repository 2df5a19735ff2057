// What the colours of the map say, which points are to be seen, and the names that stand on it.

const VIRIDIS = ["#fde725", "#addc30", "#5ec962", "#28ae80", "#21918c", "#2c728e", "#3b528b", "#472d7b", "#440154"];
const FEW = 12; // groups whose names stand on the map in full

class Colours {
  // `onChange` is called when other points are to be seen, or in other colours.
  constructor(points, map, onChange) {
    Object.assign(this, { points, map, onChange });
    this.colouring = "cluster";
    this.hidden = new Set(); // groups of the colouring
    this.alone = null; // the cluster that is shown alone
    this.preview = null; // points that a split would make a new cluster: a set
    const { columns } = points;
    const pairs = (some) => some.map(({ id, name }) => [id, name]);
    const fixed = [["cluster", "cluster"], points.isLabelled && ["label", "true class"], ...pairs(columns.scores)];
    choices(byId("colouring"), fixed.filter(Boolean), pairs(columns.coloured));
    byId("colouring").onchange = (event) => this.colourBy(event.target.value);
    this.filters = new Filters(points, () => this.paint());
    byId("all").onclick = () => this.showAll();
  }

  // The groups of a colouring: which each point is in, and name and colour of each.
  groups(colouring) {
    const { about, arrays } = this.points;
    if (colouring === "cluster") return this.ofClusters();
    if (colouring === "label") return { of: (i) => arrays.label[i], entries: about.classes };
    const { of, names } = this.points.columns.groups(colouring);
    const colors = this.scale(colouring, names.length);
    return { of, entries: names.map((name, k) => ({ name, color: colors[k] })) };
  }

  ofClusters() {
    const { points, preview } = this;
    const { clusters, corrections } = points;
    const entries = clusters.map(({ color }, c) => ({ name: corrections.titleOf(c), color }));
    let of = (i) => points.clusterOf(i);
    const add = (isIn, entry, before = of) => {
      const k = entries.push(entry) - 1;
      of = (i) => (isIn(i) ? k : before(i));
    };
    if (preview) add((i) => preview.has(i), { name: `cluster ${clusters.length}`, color: corrections.nextColor });
    if (corrections.odd.size) add((i) => points.isOdd(i), { name: "marked as outliers", color: "#8a8a92", isUnnamed: true });
    return { of, entries };
  }

  // Colours of numbers, the small ones light; of words, as different as those of clusters.
  scale(id, n) {
    const { about, columns } = this.points;
    if (columns.byId.get(id).values) return Array.from({ length: n }, (_, k) => about.colors[k % about.colors.length]);
    const colors = Array.from({ length: n }, (_, k) => VIRIDIS[Math.round((k * (VIRIDIS.length - 1)) / Math.max(1, n - 1))]);
    return id === "outlier" ? colors.reverse() : colors; // the unusual ones stand out
  }

  colourBy(colouring) {
    byId("colouring").value = colouring;
    this.colouring = colouring;
    this.hidden.clear();
    this.paint();
  }

  // Colours, names and what is to be seen of the points, after a change of any of these.
  paint() {
    const { filters, map, points, alone } = this;
    let nShown = 0;
    const { of, entries } = this.groups(this.colouring);
    map.isDark = rgb(getComputedStyle(map.dots).backgroundColor)[0] < 128;
    map.colors = entries.map(({ color }) => map.shade(color));
    const counts = entries.map(() => 0);
    for (let i = 0; i < points.n; i += 1) {
      const group = of(i);
      map.groups[i] = group;
      counts[group] += 1;
      const isShown = !this.hidden.has(group) && (alone === null || points.clusterOf(i) === alone) && filters.passes(i);
      map.visible[i] = isShown ? 1 : 0;
      nShown += map.visible[i];
    }
    this.name();
    filters.tell(nShown);
    byId("all").disabled = !this.hidden.size && alone === null && !filters.isOn;
    byId("colour-hint").textContent = points.meaningOf(this.colouring);
    byId("colour-hint").hidden = !points.meaningOf(this.colouring);
    this.legend(entries, counts);
    this.onChange();
  }

  // Names of classes, or of clusters, on the map.
  name() {
    const { map, points } = this;
    const { of, entries } = this.groups(this.colouring === "label" ? "label" : "cluster");
    const labelled = entries.map(() => []);
    for (let i = 0; i < points.n; i += 1) if (map.visible[i]) labelled[of(i)].push(i);
    const present = labelled.filter((of_group) => of_group.length).length;
    const most = present > FEW ? Math.min(16, Math.round(map.width / 35)) : 24; // letters of a name
    map.setLabels(
      entries
        .map(({ name, color, isUnnamed }, k) => ({ text: shortened(name, most), color: map.shade(color), points: isUnnamed ? [] : labelled[k] }))
        .filter((group) => group.points.length)
        .sort((a, b) => b.points.length - a.points.length),
    );
  }

  legend(entries, counts) {
    const box = byId("legend");
    box.hidden = this.colouring === "cluster";
    if (box.hidden) return box.replaceChildren();
    const at = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(
      ...entries.flatMap(({ name, color }, group) => {
        if (!counts[group]) return [];
        const made = element("button", { type: "button", title: name, onclick: () => this.hide(group) });
        made.append(
          swatch(this.map.css(color), this.hidden.has(group)),
          element("span", { className: "name", textContent: name }),
          element("span", { className: "count", textContent: count(counts[group]) }),
        );
        made.setAttribute("aria-pressed", String(!this.hidden.has(group)));
        return [made];
      }),
    );
    box.children[at]?.focus();
  }

  hide(group) {
    if (!this.hidden.delete(group)) this.hidden.add(group);
    this.paint();
  }

  isolate(c) {
    this.alone = this.alone === c ? null : c;
    this.hidden.clear();
    this.paint();
  }

  showAll() {
    this.hidden.clear();
    this.alone = null;
    this.filters.clear();
    this.paint();
  }
}
