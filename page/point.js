// A point: the card under the pointer, the panel of the one that was clicked, and its tile among others.

// A text: whole in the panel of a point, its beginning on the card.
function textOf(text, side) {
  return element("p", { className: "text", textContent: side > 100 ? text || "(empty)" : shortened(text || "(empty)", 280) });
}

const MOST_ON_CARD = 4; // words, and columns that were not clustered
const MOST_BESIDE = 30; // of these columns in the panel

class PointPanel {
  constructor(points, map) {
    Object.assign(this, { points, map });
    this.point = null;
    this.under = null; // the point under the pointer
    byId("point-close").onclick = () => this.set(null);
  }

  set(i, isToShow = false) {
    const { map, points } = this;
    this.point = i;
    this.hover(null);
    map.ring = i;
    map.threads = i === null ? [] : points.neighborsOf(i);
    byId("point").hidden = i === null;
    if (i !== null) {
      if (isToShow) map.show([i]);
      byId("point-head").textContent = `Point ${points.index[i]}`;
      byId("point-body").replaceChildren(...this.facts(i, 112));
      const scores = Object.keys(MEANINGS).filter((id) => points.columns.byId.has(id));
      byId("point-hint").textContent = scores.map((id) => points.meaningOf(id)).join(" ");
      byId("near-head").hidden = !map.threads.length;
      byId("near").replaceChildren(...map.threads.map((j) => this.tile(j)));
    }
    for (const one of document.querySelectorAll("[data-point]")) {
      one.setAttribute("aria-current", String(Number(one.dataset.point) === i));
    }
    map.mark();
  }

  facts(i, side) {
    const { points } = this;
    const facts = element("dl");
    const coloured = points.columns.byId.get(byId("colouring").value);
    const isLeft = (name) => name === "cluster_name" || name === "text" || (side < 100 && name.startsWith("cluster_of_"));
    const shown = points.facts.filter(({ name }) => !isLeft(name));
    if (coloured && !shown.some(({ id }) => id === coloured.id)) shown.push(coloured);
    for (const { name, id, text } of shown) {
      const value = name === "cluster" ? points.corrections.captionOf(points.clusterOf(i)) : text(i);
      facts.append(element("dt", { textContent: name, title: MEANINGS[id] ?? name }), element("dd", { textContent: value }));
    }
    const also = points.columns.beside.filter(({ id }) => id !== coloured?.id);
    for (const { name, text } of also.slice(0, side < 100 ? MOST_ON_CARD : MOST_BESIDE)) {
      facts.append(element("dt", { textContent: name, title: name }), element("dd", { textContent: text(i) || "–" }));
    }
    if (points.thumbnails) return [points.thumbnails.of(i, side), facts];
    if (points.about.texts) return [textOf(points.about.texts[i], side), facts];
    const isWord = ({ values, id, isBeside }) => values && !isBeside && id !== coloured?.id;
    const words = points.columns.own.filter(isWord).slice(0, MOST_ON_CARD);
    for (const { name, text } of words) {
      facts.append(element("dt", { textContent: name, title: name }), element("dd", { textContent: text(i) }));
    }
    const rows = points.telling(i).map(({ name, value, z }) => featureRow(name, [value], z));
    return [facts, element("table", { className: "own" }, ...rows)];
  }

  tile(i, side = 42) {
    const { about, clusters, corrections, index, thumbnails } = this.points;
    const c = this.points.clusterOf(i);
    const label = `Point ${index[i]}${about.names ? `, ${about.names[i]}` : ""}, ${corrections.captionOf(c)}`;
    const tile = element("button", { type: "button", className: "tile", title: label, onclick: () => this.set(i, true) });
    tile.dataset.point = i;
    tile.setAttribute("aria-label", label);
    tile.setAttribute("aria-current", String(this.point === i));
    tile.style.setProperty("--color", this.map.css(clusters[c].color));
    if (thumbnails) tile.append(thumbnails.of(i, side));
    else tile.textContent = shortened(this.points.titleOf(i), 24);
    return tile;
  }

  hover(i, x, y) {
    const card = byId("card");
    card.classList.toggle("plain", !this.points.thumbnails);
    if (i === null) {
      card.hidden = true;
      this.under = null;
      return;
    }
    if (this.under !== i) {
      this.under = i;
      card.replaceChildren(...this.facts(i, 84));
      card.hidden = false;
      this.size = [card.offsetWidth, card.offsetHeight];
    }
    const [width, height] = this.size;
    const left = x + 16 + width > this.map.width ? x - 16 - width : x + 16;
    const top = clamp(y - height / 2, 4, this.map.height - height - 4);
    card.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }
}
