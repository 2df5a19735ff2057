// What the page does: panels of clusters, of a point and of what is selected, beside the map.

const MOST = 240; // thumbnails or rows that are listed at once
const STEPS = [0, 0.3, 0.5, 0.7, 0.9]; // of confidence and outlier scores, each with a colour of its own
const VIRIDIS = ["#fde725", "#5ec962", "#21918c", "#3b528b", "#440154"]; // the uncertain ones stand out
const TWICE = 400; // milliseconds between the clicks of a double click
const FEW = 12; // groups whose names stand on the map in full

const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);

class Explorer {
  constructor({ about, arrays, thumbnails }) {
    Object.assign(this, { about, arrays, thumbnails });
    this.n = about.n_points;
    this.index = arrays.index ?? Uint32Array.from({ length: this.n }, (_, i) => i);
    this.corrections = new Corrections(about, () => this.corrected());
    this.colouring = "cluster";
    this.hidden = new Set(); // groups of the colouring
    this.alone = null; // the cluster that is shown alone
    this.current = null; // the cluster that was clicked
    this.hovered = null; // the cluster under the pointer, in the list
    this.selected = null; // points that were selected, in order of their number
    this.what = ""; // how
    this.point = null;
    this.most = MOST;
    this.map = new PointMap({
      dots: byId("dots"),
      marks: byId("marks"),
      labels: byId("labels"),
      x: arrays.x,
      y: arrays.y,
      on: {
        hover: (i, x, y) => this.hover(i, x, y),
        click: (i, x, y) => this.click(i, x, y),
        select: (points) => this.select(points, "selected"),
      },
    });
    this.head();
    this.controls();
    this.search();
    this.corrected();
  }

  // What is known of points
  get isLabelled() {
    return "label" in this.arrays;
  }

  clusterOf(i) {
    return this.cluster[i];
  }

  classOf(i) {
    return this.about.classes[this.arrays.label[i]].name;
  }

  get hasNames() {
    return this.about.clusters.some((_, c) => this.corrections.nameOf(c));
  }

  get columns() {
    const { about } = this;
    const names = ["index", "cluster", this.hasNames && "cluster_name", "confidence", "outlier" in this.arrays && "outlier"];
    return [...names, this.isLabelled && "label", about.names && "name"].filter(Boolean);
  }

  cell(column, i) {
    const { about, arrays } = this;
    const cells = {
      index: () => String(this.index[i]),
      cluster: () => String(this.clusterOf(i)),
      cluster_name: () => this.corrections.nameOf(this.clusterOf(i)),
      confidence: () => (arrays.confidence[i] / 1e4).toFixed(4),
      outlier: () => (arrays.outlier[i] / 1e4).toFixed(4),
      label: () => (arrays.label[i] < about.n_known ? this.classOf(i) : ""),
      name: () => about.names[i],
    };
    return cells[column]();
  }

  titleOf(i) {
    return this.about.names ? this.about.names[i] : `${this.index[i]}`;
  }

  // Head, colours and controls
  head() {
    const { about } = this;
    byId("title").textContent = about.title;
    const some = about.n_points < about.n_samples ? `a random sample of ${count(about.n_points)} of ` : "";
    const points = `${some}${plural(about.n_samples, "point")}`;
    byId("points").textContent = [points, about.images?.note].filter(Boolean).join("; ");
    const keys = "arrow keys move it, plus and minus zoom, 0 shows all of it, Escape clears the selection";
    byId("dots").setAttribute("aria-label", `Map of ${points}: ${keys}. The list of clusters says the same in words.`);
    const colourings = { cluster: "cluster", label: "true class", confidence: "confidence", outlier: "outlier score" };
    for (const [value, textContent] of Object.entries(colourings)) {
      if (value in this.arrays) byId("colouring").append(element("option", { value, textContent }));
    }
    byId("parts").replaceChildren();
    if (!this.thumbnails) byId("rows").open = true;
  }

  controls() {
    const { map } = this;
    const press = (id, action) => byId(id).addEventListener("click", action);
    byId("colouring").onchange = (event) => {
      this.colouring = event.target.value;
      this.hidden.clear();
      this.paint();
    };
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.onclick = () => {
        for (const other of document.querySelectorAll("[data-mode]")) {
          other.setAttribute("aria-checked", String(other === button));
        }
        map.mode = button.dataset.mode;
        byId("plot").dataset.mode = map.mode;
        this.tell();
      };
    }
    press("closer", () => map.zoom(1.5));
    press("further", () => map.zoom(1 / 1.5));
    press("whole", () => map.whole());
    press("all", () => this.showAll());
    press("none", () => this.clear());
    press("save", () => this.save());
    press("undo", () => this.undo());
    press("keep", () => this.keep());
    press("point-close", () => this.setPoint(null));
    press("more", () => {
      this.most += MOST;
      this.list();
    });
    byId("sort").onchange = () => this.list();
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.matches("input, select");
      if (event.key === "Escape") this.clear();
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && !isTyping) {
        event.preventDefault();
        this.undo();
      }
    });
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const root = document.documentElement;
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const look = () => {
      byId("theme").setAttribute("aria-pressed", String(isDark()));
      this.paint();
    };
    press("theme", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      look();
    });
    dark.addEventListener("change", look);
    byId("theme").setAttribute("aria-pressed", String(isDark()));
  }

  // The groups of the colouring: which each point is in, and name and colour of each.
  groups() {
    const { about, arrays, colouring } = this;
    if (colouring === "cluster") {
      const entries = about.clusters.map(({ color }, c) => ({ name: this.corrections.captionOf(c), color }));
      return { of: (i) => this.cluster[i], entries };
    }
    if (colouring === "label") return { of: (i) => arrays.label[i], entries: about.classes };
    const limits = STEPS.map((step) => 1e4 * step);
    const values = arrays[colouring];
    const colors = colouring === "outlier" ? [...VIRIDIS].reverse() : VIRIDIS;
    const entries = STEPS.map((step, k) => ({ name: `${step} to ${STEPS[k + 1] ?? 1}`, color: colors[k] }));
    const of = (i) => limits.findLastIndex((limit) => values[i] >= limit);
    return { of, entries };
  }

  // Colours, labels and what is to be seen of the points, after a change of any of these.
  paint() {
    const { map, n } = this;
    const { of, entries } = this.groups();
    const isDark = rgb(getComputedStyle(map.dots).backgroundColor)[0] < 128;
    map.colors = entries.map(({ color }) => lightened(rgb(color), isDark));
    const counts = entries.map(() => 0);
    const members = entries.map(() => []);
    for (let i = 0; i < n; i += 1) {
      const group = of(i);
      map.groups[i] = group;
      counts[group] += 1;
      map.visible[i] = !this.hidden.has(group) && (this.alone === null || this.clusterOf(i) === this.alone) ? 1 : 0;
    }
    const isNamed = this.colouring === "cluster" || this.colouring === "label";
    const named = isNamed ? { of: (i) => map.groups[i], entries } : this.withColouring("cluster");
    const labelled = named.entries.map(() => []);
    for (let i = 0; i < n; i += 1) if (map.visible[i]) labelled[named.of(i)].push(i);
    const present = labelled.filter((points) => points.length).length;
    const most = present > FEW ? Math.min(16, Math.round(map.width / 35)) : 24; // letters of a name on the map
    map.setLabels(
      named.entries
        .map(({ name, color }, k) => ({ text: shortened(name, most), color: lightened(rgb(color), isDark), points: labelled[k] }))
        .filter(({ points }) => points.length)
        .sort((a, b) => b.points.length - a.points.length),
    );
    byId("all").disabled = !this.hidden.size && this.alone === null;
    this.legend(entries, counts);
    this.listClusters();
    this.focus();
  }

  withColouring(name) {
    const before = this.colouring;
    this.colouring = name;
    const groups = this.groups();
    this.colouring = before;
    return groups;
  }

  legend(entries, counts) {
    const box = byId("legend");
    box.hidden = this.colouring === "cluster";
    if (box.hidden) return box.replaceChildren();
    const at = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(
      ...entries.flatMap(({ name, color }, group) => {
        if (!counts[group]) return [];
        const button = element("button", { type: "button", title: name });
        button.append(
          this.swatch(color, this.hidden.has(group)),
          element("span", { className: "name", textContent: name }),
          element("span", { className: "count", textContent: count(counts[group]) }),
        );
        button.setAttribute("aria-pressed", String(!this.hidden.has(group)));
        button.onclick = () => this.hide(group);
        return [button];
      }),
    );
    box.children[at]?.focus();
  }

  swatch(color, isHidden) {
    const swatch = element("span", { className: "swatch" });
    swatch.style.borderColor = color;
    if (!isHidden) swatch.style.background = color;
    return swatch;
  }

  hide(group) {
    if (!this.hidden.delete(group)) this.hidden.add(group);
    this.paint();
  }

  showAll() {
    this.hidden.clear();
    this.alone = null;
    this.paint();
  }

  // Clusters
  get roots() {
    return this.about.clusters.map((_, c) => c).filter((c) => this.corrections.rootOf(c) === c);
  }

  // Of each cluster as it is now: size of all samples, confidence of those shown, members, what is special.
  findFacts() {
    const { about, arrays, corrections } = this;
    const [counts, sums] = [new Uint32Array(about.clusters.length), new Float64Array(about.clusters.length)];
    for (let i = 0; i < this.n; i += 1) {
      counts[this.cluster[i]] += 1;
      sums[this.cluster[i]] += arrays.confidence[i] / 1e4;
    }
    const facts = new Map(this.roots.map((c) => [c, { size: 0, n: counts[c], sum: sums[c], parts: [] }]));
    about.clusters.forEach(({ size }, c) => {
      const of = facts.get(corrections.rootOf(c));
      of.size += size;
      of.parts.push(c);
    });
    for (const [c, of] of facts) {
      of.parts.sort((a, b) => (b === c) - (a === c));
      const most = Math.ceil(8 / of.parts.length);
      of.members = of.parts.flatMap((part) => about.clusters[part].members.slice(0, most)).slice(0, 8);
      of.description = [...new Set(of.parts.map((part) => about.clusters[part].description).filter(Boolean))].join("; ");
    }
    this.facts = facts;
  }

  listClusters() {
    const box = byId("clusters");
    const focused = document.activeElement?.closest?.(".cluster")?.dataset.cluster;
    const role = document.activeElement?.dataset?.role;
    const sorted = [...this.facts].sort(([, a], [, b]) => b.size - a.size);
    box.replaceChildren(...sorted.map(([c, of]) => this.clusterRow(c, of)));
    if (focused !== undefined) box.querySelector(`[data-cluster="${focused}"] [data-role="${role}"]`)?.focus();
    const { corrections } = this;
    byId("clusters-head").textContent = plural(sorted.length, "cluster");
    byId("undo").disabled = !corrections.past.length;
    byId("keep").disabled = corrections.isEmpty;
    byId("changes").textContent = corrections.isEmpty
      ? "Click a cluster to see it, double click to see it alone."
      : `${plural(corrections.count, "correction")}, kept in this browser until you save them.`;
  }

  clusterRow(c, { size, n, sum, members, description, parts }) {
    const { corrections, about } = this;
    const caption = corrections.captionOf(c);
    const color = about.clusters[c].color;
    const isHidden = this.colouring === "cluster" && this.hidden.has(c);
    const row = element("div", { className: "cluster" });
    row.dataset.cluster = c;
    row.setAttribute("role", "listitem");
    row.classList.toggle("current", this.current === c);
    const eye = this.button("", "hide", () => this.hide(c), `Show ${caption} on the map`);
    eye.className = "eye";
    eye.append(this.swatch(color, isHidden));
    eye.setAttribute("aria-pressed", String(!isHidden));
    eye.hidden = this.colouring !== "cluster";
    const open = this.button("", "open", (event) => {
      const isAgain = this.last?.c === c && event.timeStamp - this.last.at < TWICE; // the row was made anew since
      this.last = isAgain ? null : { c, at: event.timeStamp };
      if (isAgain) this.isolate(c);
      else this.openCluster(c);
    });
    open.className = "open";
    open.setAttribute("aria-pressed", String(this.current === c));
    open.append(
      element("span", { className: "name", textContent: caption, title: caption }),
      element("span", { className: "count", textContent: count(size) }),
    );
    const confidence = element("span", { className: "confidence", textContent: n ? `confidence ${(sum / n).toFixed(2)}` : "" });
    const more = element("span", { className: "more" });
    if (this.thumbnails) more.append(...members.slice(0, 5).map((i) => this.thumbnails.of(i, 26)));
    else if (about.names) {
      const names = members.slice(0, 4).map((i) => about.names[i]).join(", ");
      more.append(element("span", { className: "members", textContent: names, title: names }));
    }
    more.append(confidence);
    open.append(more);
    if (description) open.append(element("span", { className: "description", textContent: description, title: description }));
    if (parts.length > 1) {
      const also = parts.slice(1).map((part) => about.clusters[part].name ? `${part}: ${about.clusters[part].name}` : `cluster ${part}`);
      open.append(element("span", { className: "description", textContent: `with ${also.join(", ")}` }));
    }
    const isMarked = corrections.state.marked.includes(c);
    if (isMarked) open.firstChild.prepend("★ ");
    row.append(eye, open);
    if (this.current === c) row.append(this.tools(c, isMarked));
    row.onpointerenter = (event) => {
      if (event.pointerType !== "touch") this.pointAt(c);
    };
    row.onpointerleave = () => {
      if (this.hovered === c) this.pointAt(null);
    };
    return row;
  }

  // While nothing else is shown, the cluster under the pointer is.
  pointAt(c) {
    this.hovered = c;
    if (this.current === null && !this.selected) this.focus();
  }

  button(text, role, onclick, label) {
    const button = element("button", { type: "button", textContent: text, onclick });
    button.dataset.role = role;
    if (label) button.setAttribute("aria-label", label);
    return button;
  }

  // What can be done with the cluster that was clicked.
  tools(c, isMarked) {
    const caption = this.corrections.captionOf(c);
    const tools = element("div", { className: "tools" });
    const name = element("input", { type: "text", value: this.corrections.nameOf(c), maxLength: 200, placeholder: "name" });
    name.setAttribute("aria-label", `Name of ${caption}`);
    name.dataset.role = "name";
    const rename = () => {
      this.corrections.rename(c, name.value);
      this.say(`Cluster ${c} is now called ${this.corrections.nameOf(c) || `cluster ${c}`}.`);
    };
    name.onkeydown = (event) => {
      if (event.key === "Enter") rename();
      if (event.key === "Escape") {
        event.stopPropagation();
        name.value = this.corrections.nameOf(c);
      }
    };
    const mark = this.button(isMarked ? "Marked" : "Mark", "mark", () => this.corrections.mark(c), `Mark ${caption}`);
    mark.setAttribute("aria-pressed", String(isMarked));
    const alone = this.button("Alone", "alone", () => this.isolate(c), `Show ${caption} alone`);
    alone.setAttribute("aria-pressed", String(this.alone === c));
    const merge = element("select", {}, element("option", { value: "", textContent: "Merge into…" }));
    merge.dataset.role = "merge";
    merge.setAttribute("aria-label", `Merge ${caption} into`);
    for (const other of this.roots) {
      if (other !== c) merge.append(element("option", { value: other, textContent: shortened(this.corrections.captionOf(other), 40) }));
    }
    merge.onchange = () => this.merge(c, Number(merge.value));
    tools.append(name, this.button("Rename", "rename", rename), mark, alone, merge);
    return tools;
  }

  openCluster(c) {
    this.current = c;
    this.selected = null;
    this.most = MOST;
    this.listClusters();
    this.map.show(this.members(c));
    this.focus();
  }

  isolate(c) {
    this.alone = this.alone === c ? null : c;
    this.current = c;
    this.selected = null;
    this.hidden.clear();
    this.paint();
  }

  merge(c, into) {
    const [from, to] = [c, into].map((k) => this.corrections.captionOf(k));
    this.current = into;
    if (this.alone === c) this.alone = into;
    this.corrections.merge(c, into);
    this.say(`${from} is now part of ${to}.`);
  }

  undo() {
    this.corrections.undo();
    this.say("The last correction is undone.");
  }

  corrected() {
    const roots = this.about.clusters.map((_, c) => this.corrections.rootOf(c));
    this.cluster = this.arrays.cluster.map((c) => roots[c]);
    this.findFacts();
    if (this.current !== null) this.current = this.corrections.rootOf(this.current);
    if (this.alone !== null) this.alone = this.corrections.rootOf(this.alone);
    this.paint();
  }

  members(c) {
    const members = [];
    for (let i = 0; i < this.n; i += 1) if (this.clusterOf(i) === c) members.push(i);
    return members;
  }

  // What is shown beside the map
  get shown() {
    if (this.selected) return this.selected;
    const cluster = this.current ?? this.hovered;
    return cluster === null ? [] : this.members(cluster);
  }

  select(points, what) {
    this.selected = points.length ? points : null;
    this.what = what;
    if (points.length) this.current = null;
    this.most = MOST;
    if (points.length === 1) this.setPoint(points[0]);
    this.listClusters();
    this.focus();
    if (!points.length) this.say("No point is there.");
  }

  clear() {
    this.selected = null;
    this.current = null;
    this.hovered = null;
    this.setPoint(null);
    byId("found").hidden = true;
    this.listClusters();
    this.focus();
  }

  // Mark on the map what is shown, and list it.
  focus() {
    const { shown } = this;
    this.map.focus = shown.length ? new Uint8Array(this.n) : null;
    for (const i of shown) this.map.focus[i] = 1;
    this.map.paint();
    this.list(shown);
  }

  list(shown = this.shown) {
    const order = byId("sort").value;
    const { confidence } = this.arrays;
    let sorted = shown;
    if (order !== "index") {
      const sign = order === "certain" ? -1 : 1;
      sorted = [...shown].sort((a, b) => sign * (confidence[a] - confidence[b]));
    } else if (!this.selected && shown.length) {
      const first = this.facts.get(this.current ?? this.hovered).members; // typical ones
      const isFirst = new Set(first);
      sorted = [...first, ...shown.filter((i) => !isFirst.has(i))];
    }
    const listed = sorted.slice(0, this.most);
    const cluster = this.current ?? this.hovered;
    const isCluster = !this.selected && cluster !== null;
    byId("shown-head").textContent = isCluster ? this.corrections.captionOf(cluster) : "Selection";
    byId("sort-label").hidden = shown.length < 2;
    byId("sort").options[0].textContent = isCluster ? "typical first" : "number";
    byId("more").hidden = listed.length >= shown.length;
    if (this.thumbnails) byId("gallery").replaceChildren(...listed.map((i) => this.tile(i)));
    else this.compare(shown);
    byId("rows").hidden = !shown.length;
    this.rows(listed);
    byId("parts").textContent = isCluster || shown.length < 2 ? "" : this.composition(shown);
    this.tell(shown);
  }

  composition(points) {
    const sizes = new Map();
    for (const i of points) sizes.set(this.clusterOf(i), (sizes.get(this.clusterOf(i)) ?? 0) + 1);
    const sorted = [...sizes].sort(([, a], [, b]) => b - a);
    const parts = sorted.slice(0, 4).map(([c, n]) => `${count(n)} in ${shortened(this.corrections.captionOf(c), 24)}`);
    return parts.join(", ") + (sorted.length > 4 ? ` and the others in ${sorted.length - 4} more` : "");
  }

  tile(i, side = 42) {
    const label = `Point ${this.index[i]}${this.about.names ? `, ${this.about.names[i]}` : ""}, ${this.corrections.captionOf(this.clusterOf(i))}`;
    const tile = element("button", { type: "button", className: "tile", title: label, onclick: () => this.setPoint(i, true) });
    tile.dataset.point = i;
    tile.setAttribute("aria-label", label);
    tile.setAttribute("aria-current", String(this.point === i));
    tile.style.setProperty("--color", this.about.clusters[this.clusterOf(i)].color);
    if (this.thumbnails) tile.append(this.thumbnails.of(i, side));
    else tile.textContent = shortened(this.titleOf(i), 24);
    return tile;
  }

  // Of tables: the features in which the points shown differ most from all.
  compare(shown) {
    const { names, mean, deviation, common } = this.about.features;
    const { values } = this.arrays;
    const rows = common.map((feature, k) => {
      let sum = 0;
      for (const i of shown) sum += values[i * common.length + k];
      const here = sum / shown.length;
      return { name: names[feature], here, all: mean[feature], z: (here - mean[feature]) / deviation[feature] };
    });
    rows.sort((a, b) => Math.abs(b.z) - Math.abs(a.z));
    byId("features").hidden = !shown.length;
    byId("features").tBodies[0].replaceChildren(
      ...rows.slice(0, 10).map(({ name, here, all, z }) =>
        element("tr", {}, element("th", { scope: "row", textContent: name, title: name }), element("td", { textContent: number(here) }), element("td", { textContent: number(all) }), difference(z)),
      ),
    );
  }

  rows(points) {
    const { columns } = this;
    const [head, body] = [document.querySelector("#rows thead tr"), document.querySelector("#rows tbody")];
    head.replaceChildren(...columns.map((textContent) => element("th", { scope: "col", textContent })));
    body.replaceChildren(
      ...points.map((i) => {
        const row = element("tr", { tabIndex: 0, onclick: () => this.setPoint(i, true) });
        row.dataset.point = i;
        row.setAttribute("aria-current", String(this.point === i));
        row.append(...columns.map((column) => element("td", { textContent: this.cell(column, i), title: this.cell(column, i) })));
        row.onkeydown = (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          this.setPoint(i, true);
        };
        return row;
      }),
    );
  }

  // A point
  click(i, x, y) {
    if (i === null) return this.clear();
    this.select([i], "selected");
    this.hover(i, x, y); // a finger does not hover
  }

  setPoint(i, isToShow = false) {
    this.point = i;
    this.map.ring = i;
    this.map.threads = [];
    byId("point").hidden = i === null;
    if (i !== null) {
      const near = this.neighborsOf(i);
      this.map.threads = near;
      if (isToShow) this.map.show([i]);
      byId("point-head").textContent = `Point ${this.index[i]}`;
      byId("point-body").replaceChildren(...this.about_point(i, 112));
      byId("near-head").hidden = !near.length;
      byId("near").replaceChildren(...near.map((j) => this.tile(j)));
    }
    for (const one of document.querySelectorAll("[data-point]")) {
      one.setAttribute("aria-current", String(Number(one.dataset.point) === i));
    }
    this.map.mark();
  }

  neighborsOf(i) {
    const { neighbors } = this.arrays;
    if (!neighbors) return [];
    const each = neighbors.length / this.n;
    return [...neighbors.subarray(i * each, (i + 1) * each)].filter((j) => j >= 0);
  }

  about_point(i, side) {
    const facts = element("dl");
    for (const column of this.columns) {
      facts.append(element("dt", { textContent: column.replace("_", " ") }), element("dd", { textContent: this.cell(column, i) }));
    }
    if (this.thumbnails) return [this.thumbnails.of(i, side), facts];
    const table = element("table", { className: "own" });
    for (const { name, value, z } of this.telling(i)) {
      const head = element("th", { scope: "row", textContent: name, title: name });
      table.append(element("tr", {}, head, element("td", { textContent: number(value) }), difference(z)));
    }
    return [facts, table];
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

  hover(i, x, y) {
    const card = byId("card");
    if (i === null) {
      card.hidden = true;
      this.under = null;
      return;
    }
    if (this.under !== i) {
      this.under = i;
      card.replaceChildren(...this.about_point(i, 84));
      card.hidden = false;
      this.card_size = [card.offsetWidth, card.offsetHeight];
    }
    const [width, height] = this.card_size;
    const left = x + 16 + width > this.map.width ? x - 16 - width : x + 16;
    const top = clamp(y - height / 2, 4, this.map.height - height - 4);
    card.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }

  // Search
  search() {
    const [query, found] = [byId("query"), byId("found")];
    const choose = () => found.querySelector("button")?.click();
    query.oninput = () => {
      const matches = this.matches(query.value.trim());
      found.replaceChildren(
        ...matches.map(({ text, action }) => this.button(text, "match", () => {
          found.hidden = true;
          action();
        })),
      );
      if (query.value.trim() && !matches.length) found.append(element("p", { className: "hint", textContent: "Nothing is called so." }));
      found.hidden = !query.value.trim();
    };
    query.onfocus = query.oninput;
    query.onkeydown = (event) => {
      if (event.key === "Enter") choose();
      if (event.key === "ArrowDown") found.querySelector("button")?.focus();
      if (event.key === "Escape") {
        query.value = "";
        found.hidden = true;
        event.stopPropagation();
      }
    };
    found.onkeydown = (event) => {
      const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (to) {
        event.preventDefault();
        (event.target[to] ?? query).focus();
      }
    };
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("search")) found.hidden = true;
    });
  }

  matches(text) {
    if (!text) return [];
    const { about } = this;
    const wanted = text.toLowerCase();
    const has = (name) => name.toLowerCase().includes(wanted);
    const found = [];
    if (/^\d+$/.test(text)) {
      const i = this.arrays.index ? this.index.indexOf(Number(text)) : Number(text) < this.n ? Number(text) : -1;
      if (i >= 0) found.push({ text: `point ${text}`, action: () => this.go([i]) });
    }
    for (const c of this.roots) {
      const caption = this.corrections.captionOf(c);
      if (has(caption) && found.length < 6) found.push({ text: `cluster ${caption.replace(/^cluster /, "")}`, action: () => this.openCluster(c) });
    }
    (about.classes ?? []).forEach(({ name }, k) => {
      if (!has(name) || found.length >= 9) return;
      const points = this.filter((i) => this.arrays.label[i] === k);
      if (points.length) found.push({ text: `class ${name} (${count(points.length)})`, action: () => this.go(points) });
    });
    if (!about.names) return found;
    const named = this.filter((i) => has(about.names[i]));
    if (named.length > 1) found.push({ text: `all ${count(named.length)} points with “${text}” in their name`, action: () => this.go(named) });
    const exact = (i) => about.names[i].toLowerCase() !== wanted;
    for (const i of named.slice(0, 2000).sort((a, b) => exact(a) - exact(b)).slice(0, 5)) {
      found.push({ text: `point ${this.index[i]}: ${about.names[i]}`, action: () => this.go([i]) });
    }
    return found;
  }

  filter(isMeant) {
    const found = [];
    for (let i = 0; i < this.n; i += 1) if (isMeant(i)) found.push(i);
    return found;
  }

  go(points) {
    if (points.some((i) => !this.map.visible[i])) this.showAll();
    this.select(points, "found");
    this.map.show(points);
  }

  // Words, and files
  tell(shown = this.shown) {
    const isCluster = !this.selected && shown.length;
    const how = { pan: "choose “select a box” or “draw a lasso” above the map, then drag", box: "drag", lasso: "drag" };
    const part = byId("more").hidden ? "" : `, the first ${count(this.most)} are listed`;
    const status = shown.length
      ? `${plural(shown.length, "point")} ${isCluster ? "in this cluster" : this.what}${part}.`
      : `No points selected. To select some, ${how[this.map.mode]} over the map, click a point or a cluster, or search.`;
    this.say(status);
  }

  say(text) {
    if (byId("status").textContent !== text) byId("status").textContent = text;
  }

  save() {
    const { shown, columns } = this;
    if (!shown.length) return this.say("There is nothing to save: no points selected.");
    const cell = (column, i) => quoted(harmless(this.cell(column, i), this.about.formula));
    const lines = [columns, ...shown.map((i) => columns.map((column) => cell(column, i)))];
    download(`${this.about.title}-selection.csv`, lines.map((line) => `${line.join(",")}\n`).join(""), "text/csv");
  }

  keep() {
    const name = `${this.about.title}-corrections.json`;
    download(name, this.corrections.file, "application/json");
    this.say(`Saved as ${name}. python n2d.py apply FILE SAVE_DIR corrects the files of the run.`);
  }
}

const number = (value) => String(Number(value.toPrecision(4)));

// A bar to the right or to the left of the mean of all, and the difference in standard deviations.
function difference(z) {
  const cell = element("td", { className: "difference" });
  const bar = element("span", { className: z < 0 ? "bar-down" : "bar-up" });
  bar.style.width = `${Math.min(Math.abs(z), 3) * 14}px`;
  cell.append(element("span", { className: "bar-box" }, bar), `${z < 0 ? "−" : "+"}${Math.abs(z).toFixed(1)}σ`);
  return cell;
}

// On black, dark colours are mixed with white.
function lightened(color, isDark) {
  const [red, green, blue] = color;
  const light = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  const share = isDark && light < 0.45 ? 0.45 - light : 0;
  return color.map((part) => part + (255 - part) * share);
}

// A text of which no spreadsheet makes a formula, as `samples.no_formulas` does it.
function harmless(text, formula) {
  const isNumber = text.trim() !== "" && !Number.isNaN(Number(text));
  return new RegExp(`^${formula}`).test(text) && !isNumber ? `'${text}` : text;
}

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(name, text, type) {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  URL.revokeObjectURL(link.href);
}

unpack().then((unpacked) => {
  window.explorer = new Explorer(unpacked);
});
