// A cluster split in two: what the parts would be, on the map and in words, before it is done.

class Split {
  constructor(explorer) {
    this.explorer = explorer;
    this.cluster = null; // whose parts are shown
  }

  // No parts are shown any more.
  forget() {
    this.cluster = null;
    this.explorer.colours.preview = null;
  }

  hide() {
    if (this.cluster === null) return;
    this.forget();
    this.explorer.colours.paint();
  }

  // Points of the smaller half, without those that a person has moved.
  smaller(c) {
    const { corrections, index, layer } = this.explorer.points;
    const { moved, split } = corrections.state;
    if (!layer.clusters[c].smaller || c in split) return [];
    return this.explorer.points.filter((i) => layer.found[i] === c && layer.half[i] === 1 && !(index[i] in moved));
  }

  // What can be done with a cluster: nothing if it is not divided, or is no more than the smaller half.
  tools(c, caption) {
    const { colours, points } = this.explorer;
    const smaller = this.smaller(c);
    const { size } = points.ofCluster.get(c);
    const inHalf = points.filter((i) => points.layer.found[i] === c && points.layer.half?.[i] === 1).length;
    const small = points.clusters[c].smaller - (inHalf - smaller.length); // of all samples
    if (!smaller.length || small >= size) return [];
    const isShown = this.cluster === c;
    const open = button("Split…", "split", () => {
      if (isShown) return this.hide();
      this.cluster = c;
      colours.preview = new Set(smaller);
      colours.colourBy("cluster");
    });
    open.setAttribute("aria-label", `Split ${caption} in two`);
    open.setAttribute("aria-expanded", String(isShown));
    return isShown ? [open, this.proposal(c, caption, [size - small, small])] : [open];
  }

  // The two parts, and the button that makes the smaller one a new cluster.
  proposal(c, caption, sizes) {
    const { colours, corrections, points } = this.explorer;
    const larger = points.members(c).filter((i) => !colours.preview.has(i));
    const colors = [points.clusters[c].color, corrections.nextColor];
    const smaller = [...colours.preview];
    const sides = [[larger, smaller], [smaller, larger]];
    const parts = sides.map(([inside, others], k) => this.part(inside, others, colors[k], sizes[k]));
    const box = element("div", { className: "proposal" }, ...parts);
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `Parts of ${caption}`);
    box.append(
      button("Split so", "split-so", () => this.do(c, caption, sizes[1])),
      button("Cancel", "split-cancel", () => this.hide()),
    );
    return box;
  }

  // Of a table, what sets a part apart from the other one; else its words.
  part(inside, others, color, size) {
    const { points, thumbnails } = this.explorer;
    const { describer } = points;
    const more = thumbnails ? describer.typical(inside, 5).map((i) => thumbnails.of(i, 26)) : [];
    const said = describer.between(inside, others) || describer.describe(inside, points.ofCluster.size + 1);
    const description = element("span", { className: "description", textContent: said, title: said });
    return element("div", { className: "part" }, swatch(this.explorer.map.css(color)), plural(size, "point"), ...more, description);
  }

  do(c, caption, n) {
    const to = this.explorer.corrections.split(c);
    const said = to === null ? "There is no room for another cluster" : `${plural(n, "point")} of ${caption} are cluster ${to} now`;
    this.explorer.say(`${said}.`);
  }
}
