// The panel of what is selected: images or features, rows, and a CSV file of them.

const MOST = 120; // thumbnails or rows that are listed at once
const MOST_COLUMNS = 40; // of the data's own columns that are listed; the file has all
const HOW = { pan: "choose “select a box” or “draw a lasso” above the map, then drag", box: "drag", lasso: "drag" };

class SelectionPanel {
  constructor(explorer) {
    this.explorer = explorer;
    this.most = MOST;
    this.by = null; // a column that the rows are in order of: { name, sign }
    byId("rows").open = !explorer.thumbnails;
    byId("rows").ontoggle = () => this.list();
    byId("rows-box").onscroll = () => this.tellWidth();
    for (const option of [...byId("sort").options]) {
      if (option.value === "outlier" && !("outlier" in explorer.arrays)) option.remove();
    }
    byId("sort").onchange = () => this.sortBy(null);
    byId("save").onclick = () => this.save();
    byId("odd").onclick = () => explorer.markOutliers(explorer.shown);
    byId("move").onchange = () => this.move(byId("move").value);
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
    const name = isCluster ? corrections.nameOf(openedCluster) : "Selection";
    const textContent = !isCluster ? "" : name ? ` (cluster ${openedCluster})` : `cluster ${openedCluster}`;
    byId("shown-head").replaceChildren(name, element("span", { className: "whole", textContent }));
    byId("sort-label").hidden = shown.length < 2;
    byId("sort").querySelector("[value=column]")?.remove();
    if (this.by) {
      const textContent = `${this.by.name}, ${this.by.sign > 0 ? "small" : "great"} first`;
      byId("sort").append(element("option", { value: "column", textContent }));
      byId("sort").value = "column";
    }
    byId("sort").options[0].textContent = isCluster ? "typical first" : "number";
    byId("more").hidden = listed.length >= shown.length;
    if (points.thumbnails) byId("gallery").replaceChildren(...listed.map((i) => point.tile(i)));
    else if (!points.about.texts) this.compare(shown);
    byId("rows").hidden = !shown.length;
    this.rows(listed);
    byId("parts").textContent = isCluster || shown.length < 2 ? "" : this.composition(shown);
    this.tell(shown);
    this.edit(shown);
  }

  // What can be done with points that were selected.
  edit(shown) {
    const { corrections, points, selected } = this.explorer;
    byId("edit").hidden = !selected || !shown.length;
    if (byId("edit").hidden) return;
    const option = (value, textContent) => element("option", { value, textContent });
    const clusters = points.roots.map((c) => option(c, corrections.captionOf(c, 40)));
    byId("move").replaceChildren(option("", "Move to…"), option("new", "a new cluster"), ...clusters);
    byId("odd").textContent = shown.every((i) => points.isOdd(i)) ? "No outliers" : "Mark as outliers";
  }

  move(value) {
    if (value) this.explorer.move(this.explorer.shown, value === "new" ? null : Number(value));
  }

  // By a column, or by none: then as the select says.
  sortBy(name) {
    if (name === null) this.by = null;
    else this.by = { name, sign: this.by?.name === name ? -this.by.sign : 1 };
    if (!this.by && byId("sort").value === "column") byId("sort").value = "index";
    this.list();
  }

  sorted(shown) {
    const { points, openedCluster } = this.explorer;
    const { confidence, outlier } = points.arrays;
    const order = byId("sort").value;
    const column = this.by && points.table.find(({ name }) => name === this.by.name);
    if (column) {
      const { of, text, values } = column;
      const less = of && !values ? (a, b) => of(a) - of(b) : (a, b) => text(a).localeCompare(text(b), "en", { numeric: true });
      return [...shown].sort((a, b) => this.by.sign * less(a, b));
    }
    if (order === "outlier") return [...shown].sort((a, b) => outlier[b] - outlier[a]);
    if (order !== "index") {
      const sign = order === "certain" ? -1 : 1;
      return [...shown].sort((a, b) => sign * (confidence[a] - confidence[b]));
    }
    if (openedCluster === null) return shown;
    const first = points.ofCluster.get(openedCluster).members; // typical ones
    const isFirst = new Set(first);
    return [...first, ...shown.filter((i) => !isFirst.has(i))];
  }

  composition(shown) {
    const { corrections, points } = this.explorer;
    const sizes = new Map();
    for (const i of shown) sizes.set(points.clusterOf(i), (sizes.get(points.clusterOf(i)) ?? 0) + 1);
    const sorted = [...sizes].sort(([, a], [, b]) => b - a);
    const parts = sorted.slice(0, 4).map(([c, n]) => `${count(n)} in ${corrections.captionOf(c, 24)}`);
    return parts.join(", ") + (sorted.length > 4 ? ` and the others in ${sorted.length - 4} more` : "");
  }

  compare(shown) {
    const rows = shown.length ? this.explorer.points.compared(shown) : [];
    byId("features").hidden = !shown.length;
    byId("features").tBodies[0].replaceChildren(...rows.map(({ name, here, all, z }) => featureRow(name, [here, all], z)));
  }

  rows(listed) {
    if (!byId("rows").open) return;
    const { point, points } = this.explorer;
    const { facts, table } = points;
    const columns = table.slice(0, facts.length + MOST_COLUMNS);
    const [head, body] = [document.querySelector("#rows thead tr"), document.querySelector("#rows tbody")];
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    head.replaceChildren(...columns.map((column) => this.head(column)));
    [...head.querySelectorAll("button")].find((made) => made.dataset.column === focused)?.focus();
    body.replaceChildren(
      ...listed.map((i) => {
        const row = element("tr", { tabIndex: 0, onclick: () => point.set(i, true) });
        row.dataset.point = i;
        row.setAttribute("aria-current", String(point.point === i));
        const texts = columns.map(({ text }) => text(i));
        row.append(...texts.map((text) => element("td", { textContent: text, title: text })));
        row.onkeydown = (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          point.set(i, true);
        };
        return row;
      }),
    );
    this.tellWidth(table.length - columns.length);
  }

  // The head of a column, which puts the rows in its order.
  head({ id, name }) {
    const title = `${MEANINGS[id] ?? name} Click to sort.`;
    const sort = element("button", { type: "button", title, onclick: () => this.sortBy(name) }, ...inParts(name));
    sort.dataset.column = name;
    const head = element("th", { scope: "col" }, sort);
    if (this.by?.name === name) head.setAttribute("aria-sort", this.by.sign > 0 ? "ascending" : "descending");
    return head;
  }

  // Whether columns are out of sight, to the right.
  tellWidth(left = this.left) {
    this.left = left;
    const box = byId("rows-box");
    const edge = box.getBoundingClientRect().left + box.clientWidth + 1;
    const hidden = [...box.querySelectorAll("th")].filter((head) => head.getBoundingClientRect().right > edge);
    box.classList.toggle("wide", hidden.length > 0);
    const texts = [hidden.length && `${plural(hidden.length, "column")} to the right: scroll`, left && `${count(left)} more in the CSV`];
    byId("rows-hint").textContent = texts.filter(Boolean).join("; ");
  }

  tell(shown = this.explorer.shown) {
    const { explorer } = this;
    const all = explorer.selected ?? (explorer.openedCluster === null ? [] : explorer.points.members(explorer.openedCluster));
    const left = all.length - shown.length;
    const without = left ? `, ${count(left)} more left out by filters` : "";
    const part = byId("more").hidden ? "" : `, the first ${count(this.most)} are listed`;
    const status = shown.length
      ? `${plural(shown.length, "point")} ${explorer.openedCluster === null ? explorer.what : "in this cluster"}${without}${part}.`
      : `No points selected. To select some, ${HOW[explorer.map.mode]} over the map, click a point or a cluster, or search.`;
    explorer.say(status);
  }

  save() {
    const { about, points, shown } = this.explorer;
    if (!shown.length) return this.explorer.say("There is nothing to save: no points selected.");
    const { table } = points;
    const cell = (text) => quoted(harmless(text, about.formula));
    const heads = table.map(({ name }) => cell(name));
    const lines = [heads, ...shown.map((i) => table.map(({ text }) => cell(text(i))))];
    download(`${about.title}-selection.csv`, lines.map((line) => `${line.join(",")}\n`).join(""), "text/csv");
  }
}
