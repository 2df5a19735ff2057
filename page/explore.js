// The page: what is selected, and which panel shows it beside the map.

class Explorer {
  constructor(unpacked) {
    Object.assign(this, unpacked); // about, arrays, thumbnails
    this.current = null; // the cluster that was clicked
    this.hovered = null; // the cluster under the pointer, in the list
    this.selected = null; // points that were selected, in order of their number
    this.what = ""; // how
    this.points = new Points(unpacked, () => this.corrected());
    this.map = new PointMap({
      dots: byId("dots"),
      marks: byId("marks"),
      labels: byId("labels"),
      x: this.arrays.x,
      y: this.arrays.y,
      on: {
        hover: (i, x, y) => this.point.hover(i, x, y),
        click: (i, x, y) => this.click(i, x, y),
        select: (points) => this.select(points, "selected"),
      },
    });
    this.colours = new Colours(this.points, this.map, () => this.painted());
    this.split = new Split(this);
    this.clusters = new ClusterPanel(this);
    this.tree = new Tree(this);
    this.point = new PointPanel(this.points, this.map);
    this.selection = new SelectionPanel(this);
    this.search = new Search(this);
    this.colours.filters.onSelect = () => this.select(this.points.filter((i) => this.map.visible[i]), "selected");
    this.picture = new Picture({ about: this.about, map: this.map, colours: this.colours, say: (text) => this.say(text) });
    this.head();
    this.controls();
    this.theme();
    this.print();
    this.colours.paint();
    this.layers = new LayerControl(this);
  }

  get corrections() {
    return this.points.corrections;
  }

  head() {
    const { about } = this;
    byId("title").textContent = about.title;
    const some = about.n_points < about.n_samples ? `a random sample of ${count(about.n_points)} of ` : "";
    const points = `${some}${plural(about.n_samples, "point")}`;
    byId("points").textContent = [points, about.images?.note].filter(Boolean).join("; ");
    const keys = "arrow keys move it, plus and minus zoom, 0 shows all of it, Escape clears the selection";
    byId("dots").setAttribute("aria-label", `Map of ${points}: ${keys}. The list of clusters says the same in words.`);
  }

  controls() {
    const { map } = this;
    radios([...document.querySelectorAll("[data-mode]")], ({ dataset }) => {
      map.mode = dataset.mode;
      byId("plot").dataset.mode = map.mode;
      this.selection.tell();
    });
    byId("closer").onclick = () => map.zoom(1.5);
    byId("further").onclick = () => map.zoom(1 / 1.5);
    byId("whole").onclick = () => map.whole();
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.clear();
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.target.matches("input, select")) {
        event.preventDefault();
        this.clusters.undo();
      }
    });
  }

  theme() {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const root = document.documentElement;
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const offer = () => {
      byId("theme").textContent = isDark() ? "Light" : "Dark";
    };
    const look = () => {
      offer();
      this.colours.paint();
    };
    const kept = stored("n2d theme");
    if (["light", "dark"].includes(kept)) root.dataset.theme = kept;
    byId("theme").onclick = () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      store("n2d theme", root.dataset.theme);
      look();
    };
    dark.addEventListener("change", look);
    offer();
  }

  // The map is drawn anew for paper, light and in the size that it has there.
  print() {
    const root = document.documentElement;
    let before;
    window.addEventListener("beforeprint", () => {
      before = root.dataset.theme;
      root.dataset.theme = "light";
      root.dataset.print = "";
      this.colours.paint();
      this.map.resize();
      byId("paper").src = this.map.picture();
    });
    window.addEventListener("afterprint", () => {
      if (before) root.dataset.theme = before;
      else delete root.dataset.theme;
      delete root.dataset.print;
      this.map.resize();
      this.colours.paint();
    });
  }

  // After a correction
  corrected() {
    const { colours, corrections, points } = this;
    points.correct();
    this.tree.found = null;
    this.split.forget();
    colours.filters.forget("cluster");
    const isThere = (c) => c !== null && points.ofCluster.has(corrections.rootOf(c));
    if (!isThere(this.current)) this.current = null;
    if (!isThere(colours.alone)) colours.alone = null;
    if (this.point.point !== null) this.point.set(this.point.point);
    if (this.current !== null) this.current = corrections.rootOf(this.current);
    if (colours.alone !== null) colours.alone = corrections.rootOf(colours.alone);
    colours.paint();
  }

  // Clusters of another layer are shown. What was selected stays so.
  showLayer(layer) {
    const { colours, points } = this;
    points.show(layer);
    this.split.forget();
    this.current = this.hovered = colours.alone = null;
    if (colours.colouring === "cluster") colours.hidden.clear();
    colours.filters.forget("cluster");
    if (this.selection.by?.name.startsWith("cluster")) this.selection.sortBy(null);
    if (this.point.point !== null) this.point.set(this.point.point);
    colours.paint();
  }

  painted() {
    this.clusters.list();
    this.tree.list();
    this.focus();
  }

  // What is shown beside the map
  get openedCluster() {
    return this.selected ? null : (this.current ?? this.hovered);
  }

  get shown() {
    const { filters } = this.colours;
    const all = this.selected ?? (this.openedCluster === null ? [] : this.points.members(this.openedCluster));
    return filters.isOn ? all.filter((i) => filters.passes(i)) : all;
  }

  select(points, what) {
    this.split.hide();
    this.selected = points.length ? points : null;
    this.what = what;
    if (points.length) this.current = null;
    this.selection.most = MOST;
    this.point.set(points.length === 1 ? points[0] : null);
    this.painted();
    if (!points.length) this.say("No point is there.");
  }

  clear() {
    this.split.hide();
    this.selected = null;
    this.current = null;
    this.hovered = null;
    this.point.set(null);
    this.search.clear();
    this.painted();
  }

  // Mark on the map what is shown, and list it. One point has its ring, and hidden ones leave the others as they are.
  focus() {
    const { shown } = this;
    const standsOut = this.selected?.length !== 1 && shown.some((i) => this.map.visible[i]);
    this.map.focus = standsOut ? new Uint8Array(this.points.n) : null;
    if (standsOut) for (const i of shown) this.map.focus[i] = 1;
    this.map.paint();
    this.selection.list(shown);
  }

  click(i, x, y) {
    if (i === null) return this.clear();
    this.select([i], "selected");
    this.point.hover(i, x, y); // a finger does not hover
  }

  go(points) {
    if (points.some((i) => !this.map.visible[i])) this.colours.showAll();
    this.select(points, "found");
    this.map.show(points);
  }

  openCluster(c) {
    this.split.hide();
    this.current = c;
    this.selected = null;
    this.selection.most = MOST;
    this.point.set(null);
    this.map.show(this.points.members(c));
    this.painted();
  }

  isolate(c) {
    this.split.hide();
    this.current = c;
    this.selected = null;
    this.point.set(null);
    this.colours.isolate(c);
  }

  // While nothing else is shown, the cluster under the pointer is.
  pointAt(c) {
    this.hovered = c;
    if (this.current === null && !this.selected) this.focus();
  }

  // Corrections of the points that are shown
  move(points, into) {
    const { corrections } = this;
    const samples = points.map((i) => ({ index: this.points.index[i], found: this.points.layer.divided(i) }));
    const to = corrections.move(samples, into);
    const said = to === null ? "There is no room for another cluster" : `${plural(points.length, "point")} moved to ${corrections.captionOf(to)}`;
    this.say(`${said}.`);
  }

  markOutliers(points) {
    const isOdd = !points.every((i) => this.points.isOdd(i));
    this.corrections.markOutliers(points.map((i) => this.points.index[i]), isOdd);
    this.say(`${plural(points.length, "point")} ${isOdd ? "marked as outliers" : "no longer marked as outliers"}.`);
  }

  say(text) {
    if (byId("status").textContent !== text) byId("status").textContent = text;
  }
}

unpack().then((unpacked) => {
  window.explorer = new Explorer(unpacked);
});
