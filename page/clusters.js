// The panel of clusters: a row for each, and what can be done with the one that was clicked.

const TWICE = 400; // milliseconds between the clicks of a double click
const BESIDE = window.matchMedia("(min-width: 761px)"); // where what is shown is not below, and moves no row when it grows

class ClusterPanel {
  constructor(explorer) {
    this.explorer = explorer;
    byId("undo").onclick = () => this.undo();
    byId("keep").onclick = () => this.keep();
    byId("discard").onclick = () => {
      this.explorer.corrections.discard();
      this.explorer.say("All corrections since the page was made are discarded; Undo brings them back.");
    };
  }

  list() {
    const box = byId("clusters");
    const focused = document.activeElement?.closest?.(".cluster")?.dataset.cluster;
    const role = document.activeElement?.dataset?.role;
    const sorted = [...this.explorer.points.ofCluster].sort(([, a], [, b]) => b.size - a.size);
    box.replaceChildren(...sorted.map(([c, of]) => this.row(c, of)));
    if (focused !== undefined) box.querySelector(`[data-cluster="${focused}"] [data-role="${role}"]`)?.focus();
    if (this.explorer.current !== null) this.reveal(box, box.querySelector(".current"));
    const { corrections } = this.explorer;
    byId("clusters-head").textContent = plural(sorted.length, "cluster");
    byId("undo").disabled = !corrections.past.length;
    byId("keep").disabled = byId("discard").disabled = !corrections.isNew;
    const state = corrections.isSaved ? "saved as a file for n2d.py apply" : "not saved as a file yet; this browser keeps them";
    byId("changes").textContent = corrections.isNew
      ? `${plural(corrections.count, "correction")}, ${state}.`
      : "Click a cluster to see it, double click to see it alone.";
  }

  // Scroll the list, not the page.
  reveal(box, row) {
    box.scrollTop = clamp(box.scrollTop, row.offsetTop + row.offsetHeight - box.clientHeight, row.offsetTop);
  }

  row(c, facts) {
    const { explorer } = this;
    const { colours, corrections } = explorer;
    const caption = corrections.captionOf(c);
    const isCurrent = explorer.current === c;
    const isHidden = colours.colouring === "cluster" && colours.hidden.has(c);
    const row = element("div", { className: "cluster" });
    row.dataset.cluster = c;
    row.setAttribute("role", "listitem");
    row.classList.toggle("current", isCurrent);
    const eye = button("", "hide", () => colours.hide(c), `Show ${caption} on the map`);
    eye.className = "eye";
    eye.append(swatch(explorer.map.css(explorer.points.clusters[c].color), isHidden));
    eye.setAttribute("aria-pressed", String(!isHidden));
    eye.hidden = colours.colouring !== "cluster";
    const open = button("", "open", (event) => this.click(c, event.timeStamp));
    open.className = "open";
    open.setAttribute("aria-pressed", String(isCurrent));
    open.append(...this.facts(c, caption, facts));
    row.append(eye, open);
    if (isCurrent) row.append(this.tools(c, caption));
    open.onpointerenter = (event) => {
      if (event.pointerType !== "touch" && BESIDE.matches) explorer.pointAt(c);
    };
    open.onpointerleave = () => {
      if (explorer.hovered === c) explorer.pointAt(null);
    };
    return row;
  }

  click(c, at) {
    const isAgain = this.last?.c === c && at - this.last.at < TWICE; // the row was made anew since
    this.last = isAgain ? null : { c, at };
    if (isAgain) this.explorer.isolate(c);
    else this.explorer.openCluster(c);
  }

  facts(c, caption, { size, n, sum, members, description, parts }) {
    const { about, corrections, points, thumbnails } = this.explorer;
    const name = element("span", { className: "name", textContent: corrections.titleOf(c), title: caption });
    if (corrections.nameOf(c)) name.append(" ", element("small", { textContent: `cluster ${c}` }));
    if (corrections.state.marked.includes(c)) name.prepend("★ ");
    const more = element("span", { className: "more" });
    if (thumbnails) more.append(...members.slice(0, 5).map((i) => thumbnails.of(i, 26)));
    else if (about.names) {
      const names = members.slice(0, 4).map((i) => about.names[i]).join(", ");
      more.append(element("span", { className: "members", textContent: names, title: names }));
    }
    const confidence = n && points.layer.is_chosen ? `confidence ${(sum / n).toFixed(2)}` : "";
    more.append(element("span", { className: "confidence", textContent: confidence, title: MEANINGS.confidence }));
    const also = parts.slice(1).map((part) => {
      const before = points.clusters[part].name;
      return before ? `${before} (cluster ${part})` : `cluster ${part}`;
    });
    const texts = [description, also.length && `with ${also.join(", ")}`].filter(Boolean);
    return [
      name,
      element("span", { className: "count", textContent: count(size) }),
      more,
      ...texts.map((textContent) => element("span", { className: "description", textContent, title: textContent })),
    ];
  }

  tools(c, caption) {
    const { colours, corrections, points } = this.explorer;
    const isMarked = corrections.state.marked.includes(c);
    const name = element("input", { type: "text", value: corrections.nameOf(c), maxLength: 200, placeholder: "name" });
    name.setAttribute("aria-label", `Name of ${caption}`);
    name.dataset.role = "name";
    const rename = () => {
      corrections.rename(c, name.value);
      this.explorer.say(`Cluster ${c} is now called ${corrections.nameOf(c) || `cluster ${c}`}.`);
    };
    name.onkeydown = (event) => {
      if (event.key === "Enter") rename();
      if (event.key === "Escape") {
        event.stopPropagation();
        name.value = corrections.nameOf(c);
      }
    };
    const mark = button(isMarked ? "Marked" : "Mark", "mark", () => corrections.mark(c), `Mark ${caption}`);
    mark.setAttribute("aria-pressed", String(isMarked));
    const alone = button("Alone", "alone", () => this.explorer.isolate(c), `Show ${caption} alone`);
    alone.setAttribute("aria-pressed", String(colours.alone === c));
    const merge = element("select", {}, element("option", { value: "", textContent: "Merge into…" }));
    merge.dataset.role = "merge";
    merge.setAttribute("aria-label", `Merge ${caption} into`);
    for (const other of points.roots) {
      const textContent = corrections.captionOf(other, 40);
      const isAllowed = c >= corrections.n || other < corrections.n; // a saved model knows none of the new ones
      if (other !== c && isAllowed) merge.append(element("option", { value: other, textContent }));
    }
    merge.onchange = () => this.merge(c, Number(merge.value));
    const hint = element("p", { className: "hint", textContent: points.layer.is_chosen ? MEANINGS.confidence : "" });
    const tools = element("div", { className: "tools" }, name, button("Rename", "rename", rename), mark, alone, merge);
    const { parts } = points.ofCluster.get(c);
    if (parts.length > 1) tools.append(this.unmerge(c, caption, parts.slice(1)));
    tools.append(...this.explorer.split.tools(c, caption), hint);
    return tools;
  }

  unmerge(c, caption, parts) {
    const { corrections, points } = this.explorer;
    const select = element("select", {}, element("option", { value: "", textContent: "Un-merge…" }));
    select.dataset.role = "unmerge";
    select.setAttribute("aria-label", `Un-merge from ${caption}`);
    for (const part of parts) {
      const { name } = points.clusters[part];
      select.append(element("option", { value: part, textContent: name ? `${name} (cluster ${part})` : `cluster ${part}` }));
    }
    if (parts.length > 1) select.append(element("option", { value: "all", textContent: "all of them" }));
    select.onchange = () => {
      corrections.unmerge(c, select.value === "all" ? null : Number(select.value));
      this.explorer.say(`What was merged into ${caption} is a cluster of its own again.`);
    };
    return select;
  }

  merge(c, into) {
    const { explorer } = this;
    const [from, to] = [c, into].map((k) => explorer.corrections.captionOf(k));
    explorer.current = into;
    explorer.corrections.merge(c, into);
    explorer.say(`${from} is now part of ${to}.`);
  }

  undo() {
    this.explorer.corrections.undo();
    this.explorer.say("The last correction is undone.");
  }

  keep() {
    const { n_clusters: n, is_chosen: isChosen } = this.explorer.points.layer;
    const name = `${this.explorer.about.title}${isChosen ? "" : `-of-${n}`}-corrections.json`;
    download(name, this.explorer.corrections.file, "application/json");
    this.explorer.corrections.wasSaved();
    this.list();
    this.explorer.say(`Saved as ${name}. python n2d.py apply FILE SAVE_DIR corrects the files of the run.`);
  }
}
