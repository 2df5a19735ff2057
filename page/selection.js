// The panel of what is selected: images or features, rows, and a CSV file of them.

const MOST = 120; // thumbnails or rows that are listed at once
const HOW = { pan: "choose “select a box” or “draw a lasso” above the map, then drag", box: "drag", lasso: "drag" };

class SelectionPanel {
  constructor(explorer) {
    this.explorer = explorer;
    this.most = MOST;
    byId("rows").open = !explorer.thumbnails;
    byId("sort").onchange = () => this.list();
    byId("save").onclick = () => this.save();
    byId("none").onclick = () => explorer.clear();
    byId("more").onclick = () => {
      this.most += MOST;
      this.list();
    };
  }

  list(shown = this.explorer.shown) {
    const { corrections, point, points, openedCluster } = this.explorer;
    const listed = this.sorted(shown).slice(0, this.most);
    const isCluster = openedCluster !== null;
    byId("shown-head").textContent = isCluster ? corrections.captionOf(openedCluster) : "Selection";
    byId("sort-label").hidden = shown.length < 2;
    byId("sort").options[0].textContent = isCluster ? "typical first" : "number";
    byId("more").hidden = listed.length >= shown.length;
    if (points.thumbnails) byId("gallery").replaceChildren(...listed.map((i) => point.tile(i)));
    else if (!points.about.texts) this.compare(shown);
    byId("rows").hidden = !shown.length;
    this.rows(listed);
    byId("parts").textContent = isCluster || shown.length < 2 ? "" : this.composition(shown);
    this.tell(shown);
  }

  sorted(shown) {
    const { points, openedCluster } = this.explorer;
    const { confidence } = points.arrays;
    const order = byId("sort").value;
    if (order !== "index") {
      const sign = order === "certain" ? -1 : 1;
      return [...shown].sort((a, b) => sign * (confidence[a] - confidence[b]));
    }
    if (openedCluster === null) return shown;
    const first = points.facts.get(openedCluster).members; // typical ones
    const isFirst = new Set(first);
    return [...first, ...shown.filter((i) => !isFirst.has(i))];
  }

  composition(shown) {
    const { corrections, points } = this.explorer;
    const sizes = new Map();
    for (const i of shown) sizes.set(points.clusterOf(i), (sizes.get(points.clusterOf(i)) ?? 0) + 1);
    const sorted = [...sizes].sort(([, a], [, b]) => b - a);
    const parts = sorted.slice(0, 4).map(([c, n]) => `${count(n)} in ${shortened(corrections.captionOf(c), 24)}`);
    return parts.join(", ") + (sorted.length > 4 ? ` and the others in ${sorted.length - 4} more` : "");
  }

  compare(shown) {
    const rows = shown.length ? this.explorer.points.compared(shown) : [];
    byId("features").hidden = !shown.length;
    byId("features").tBodies[0].replaceChildren(...rows.map(({ name, here, all, z }) => featureRow(name, [here, all], z)));
  }

  rows(listed) {
    const { point, points } = this.explorer;
    const { columns } = points;
    const [head, body] = [document.querySelector("#rows thead tr"), document.querySelector("#rows tbody")];
    head.replaceChildren(...columns.map((textContent) => element("th", { scope: "col", textContent })));
    body.replaceChildren(
      ...listed.map((i) => {
        const row = element("tr", { tabIndex: 0, onclick: () => point.set(i, true) });
        row.dataset.point = i;
        row.setAttribute("aria-current", String(point.point === i));
        const texts = columns.map((column) => points.cell(column, i));
        row.append(...texts.map((text) => element("td", { textContent: text, title: text })));
        row.onkeydown = (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          point.set(i, true);
        };
        return row;
      }),
    );
  }

  tell(shown = this.explorer.shown) {
    const { explorer } = this;
    const part = byId("more").hidden ? "" : `, the first ${count(this.most)} are listed`;
    const status = shown.length
      ? `${plural(shown.length, "point")} ${explorer.openedCluster === null ? explorer.what : "in this cluster"}${part}.`
      : `No points selected. To select some, ${HOW[explorer.map.mode]} over the map, click a point or a cluster, or search.`;
    explorer.say(status);
  }

  save() {
    const { about, points, shown } = this.explorer;
    if (!shown.length) return this.explorer.say("There is nothing to save: no points selected.");
    const { columns } = points;
    const cell = (column, i) => quoted(harmless(points.cell(column, i), about.formula));
    const lines = [columns, ...shown.map((i) => columns.map((column) => cell(column, i)))];
    download(`${about.title}-selection.csv`, lines.map((line) => `${line.join(",")}\n`).join(""), "text/csv");
  }
}
