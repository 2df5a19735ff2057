// What the colours of the map say, which points are to be seen, and the names that stand on it.

const STEPS = [0, 0.3, 0.5, 0.7, 0.9]; // of confidence and outlier scores, each with a colour of its own
const VIRIDIS = ["#fde725", "#5ec962", "#21918c", "#3b528b", "#440154"]; // the uncertain ones stand out
const COLOURINGS = { cluster: "cluster", label: "true class", confidence: "confidence", outlier: "outlier score" };
const FEW = 12; // groups whose names stand on the map in full

class Colours {
  // `onChange` is called when other points are to be seen, or in other colours.
  constructor(points, map, onChange) {
    Object.assign(this, { points, map, onChange });
    this.colouring = "cluster";
    this.hidden = new Set(); // groups of the colouring
    this.alone = null; // the cluster that is shown alone
    for (const [value, textContent] of Object.entries(COLOURINGS)) {
      if (value in points.arrays) byId("colouring").append(element("option", { value, textContent }));
    }
    byId("colouring").onchange = (event) => {
      this.colouring = event.target.value;
      this.hidden.clear();
      this.paint();
    };
    byId("all").onclick = () => this.showAll();
  }

  // The groups of a colouring: which each point is in, and name and colour of each.
  groups(colouring) {
    const { about, arrays, corrections } = this.points;
    if (colouring === "cluster") {
      const entries = about.clusters.map(({ color }, c) => ({ name: corrections.captionOf(c), color }));
      return { of: (i) => this.points.clusterOf(i), entries };
    }
    if (colouring === "label") return { of: (i) => arrays.label[i], entries: about.classes };
    const limits = STEPS.map((step) => 1e4 * step);
    const values = arrays[colouring];
    const colors = colouring === "outlier" ? [...VIRIDIS].reverse() : VIRIDIS;
    const entries = STEPS.map((step, k) => ({ name: `${step} to ${STEPS[k + 1] ?? 1}`, color: colors[k] }));
    const of = (i) => limits.findLastIndex((limit) => values[i] >= limit);
    return { of, entries };
  }

  // Colours, names and what is to be seen of the points, after a change of any of these.
  paint() {
    const { map, points, alone } = this;
    const { of, entries } = this.groups(this.colouring);
    map.colors = entries.map(({ color }) => this.onMap(color));
    const counts = entries.map(() => 0);
    for (let i = 0; i < points.n; i += 1) {
      const group = of(i);
      map.groups[i] = group;
      counts[group] += 1;
      map.visible[i] = !this.hidden.has(group) && (alone === null || points.clusterOf(i) === alone) ? 1 : 0;
    }
    this.name();
    byId("all").disabled = !this.hidden.size && alone === null;
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
        .map(({ name, color }, k) => ({ text: shortened(name, most), color: this.onMap(color), points: labelled[k] }))
        .filter((group) => group.points.length)
        .sort((a, b) => b.points.length - a.points.length),
    );
  }

  // On black, dark colours are mixed with white.
  onMap(color) {
    const isDark = rgb(getComputedStyle(this.map.dots).backgroundColor)[0] < 128;
    const [red, green, blue] = rgb(color);
    const light = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    const share = isDark && light < 0.45 ? 0.45 - light : 0;
    return [red, green, blue].map((part) => part + (255 - part) * share);
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
          swatch(color, this.hidden.has(group)),
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
    this.paint();
  }
}
