// The map and its legend as a picture, SVG or PNG, as they are on the screen now.

const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
const LAYERS = 12; // of points, so that no group hides the others

function drawn(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

class Picture {
  constructor({ about, map, colours, say }) {
    Object.assign(this, { about, map, colours });
    byId("picture-svg").onclick = () => this.save("svg", new Blob([this.text()], { type: "image/svg+xml" }), say);
    byId("picture-png").onclick = async () => this.save("png", await this.png(), say);
  }

  save(kind, blob, say) {
    const name = `${this.about.title}-map.${kind}`;
    download(name, blob, blob.type);
    say(`Saved as ${name}.`);
  }

  text() {
    const { map } = this;
    const style = getComputedStyle(byId("dots"));
    const [ground, ink] = [style.backgroundColor, style.color];
    const lines = this.legend();
    const height = map.height + 34 + 20 * Math.ceil(lines.length / this.columns);
    const svg = drawn("svg", { width: map.width, height, viewBox: `0 0 ${map.width} ${height}` });
    svg.setAttribute("font-family", "system-ui, sans-serif");
    svg.append(drawn("title", {}, this.about.title), drawn("rect", { width: "100%", height: "100%", fill: ground }));
    const inside = drawn("svg", { width: map.width, height: map.height });
    inside.append(...this.points());
    for (const { label, text } of this.labels()) {
      const [left, top] = label;
      const shape = { "font-size": 12, "font-weight": 600, fill: ink, stroke: ground, "stroke-width": 3, "paint-order": "stroke" };
      inside.append(drawn("text", { ...shape, x: left + 5, y: top + 13 }, text));
    }
    svg.append(inside, drawn("text", { x: 12, y: map.height + 18, "font-size": 12, fill: ink }, this.heading()));
    lines.forEach(({ color, text }, k) => {
      const [x, y] = [12 + ((map.width - 12) / this.columns) * (k % this.columns), map.height + 38 + 20 * Math.floor(k / this.columns)];
      svg.append(drawn("circle", { cx: x + 6, cy: y - 4, r: 6, fill: color }));
      svg.append(drawn("text", { x: x + 18, y, "font-size": 12, fill: ink }, text));
    });
    return new XMLSerializer().serializeToString(svg);
  }

  // A path for each group and layer: dots are lines of no length with round ends.
  *points() {
    const { map } = this;
    const { order, visible, groups, colors } = map;
    const width = 2 * map.radius;
    const ground = rgb(getComputedStyle(map.dots).backgroundColor);
    for (let layer = 0; layer < LAYERS; layer += 1) {
      const paths = new Map();
      for (let k = layer; k < order.length; k += LAYERS) {
        const i = order[k];
        const place = map.place(i);
        if (!visible[i] || !map.isInSight(place)) continue;
        const key = 2 * groups[i] + (map.focus && !map.focus[i] ? 1 : 0);
        if (!paths.has(key)) paths.set(key, []);
        paths.get(key).push(`M${place[0].toFixed(1)} ${place[1].toFixed(1)}h0`);
      }
      for (const [key, parts] of paths) {
        const faded = (part, of) => (key % 2 ? 0.28 * part + 0.72 * ground[of] : part); // as on the screen
        const stroke = `rgb(${colors[key >> 1].map(faded).map(Math.round).join(" ")})`;
        const opacity = key % 2 ? 1 : 0.75;
        yield drawn("path", { d: parts.join(""), stroke, "stroke-width": width.toFixed(1), "stroke-linecap": "round", opacity });
      }
    }
  }

  labels() {
    const seen = this.map.texts.filter(({ label }) => label.style.visibility === "visible");
    return seen.map(({ label }) => ({ label: label.style.transform.match(/-?[\d.]+/g).map(Number), text: label.textContent }));
  }

  get columns() {
    return Math.max(1, Math.floor(this.map.width / 210));
  }

  heading() {
    const { about, colours } = this;
    const { layer, layers } = colours.points;
    const number = colours.colouring === "cluster" && layers.length > 1 ? ` of ${layer.n_clusters}` : "";
    const what = `${byId("colouring").selectedOptions[0].textContent}${number}`;
    return `${about.title}, coloured by ${what}${colours.filters.isOn ? `; ${byId("filter-status").textContent}` : ""}`;
  }

  legend() {
    const { colours, map } = this;
    const { of, entries } = colours.groups(colours.colouring);
    const counts = entries.map(() => 0);
    for (let i = 0; i < colours.points.n; i += 1) if (map.visible[i]) counts[of(i)] += 1;
    const lines = entries.map(({ name, color }, k) => ({ color: map.css(color), text: `${shortened(name, 22)}, ${plural(counts[k], "point")}` }));
    return lines.filter((_, k) => counts[k]);
  }

  // Twice as many pixels as on the screen.
  async png() {
    const text = this.text();
    const image = element("img", { src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}` });
    await image.decode();
    const canvas = element("canvas", { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}
