// What the page does. Bokeh draws the points and tells which are selected; all else on the page is plain HTML.

const MOST_ROWS = 300; // of the table: the CSV has all

function explore({ plot, points, visible, ring, tools }) {
  const about = JSON.parse(document.getElementById("about").textContent);
  const byId = (id) => document.getElementById(id);
  const data = points.data;
  const nPoints = data.index.length;
  let colouring = "cluster";
  let hidden = new Set();

  byId("title").textContent = about.title;
  byId("points").textContent = about.points;
  byId("plot").setAttribute("aria-label", `Map of ${about.points}: the legend and the table beside it say the same`);

  // colours
  function legend() {
    const { groups, entries } = about.colourings[colouring];
    const counts = entries.map(() => 0);
    for (const group of groups) counts[group] += 1;
    byId("legend").replaceChildren(
      ...entries.flatMap(({ name, color }, group) => {
        if (!counts[group]) return [];
        const button = element("button", { type: "button", title: name });
        button.setAttribute("aria-pressed", String(!hidden.has(group)));
        const swatch = element("span", { className: "swatch" });
        swatch.style.borderColor = color;
        swatch.style.background = hidden.has(group) ? "white" : color;
        const texts = { name, count: counts[group].toLocaleString("en") };
        button.append(swatch, ...Object.entries(texts).map(([className, textContent]) => element("span", { className, textContent })));
        button.onclick = () => {
          if (!hidden.delete(group)) hidden.add(group);
          const at = [...byId("legend").children].indexOf(button);
          paint();
          byId("legend").children[at].focus();
        };
        return [button];
      }),
    );
  }

  function paint() {
    const { groups, entries } = about.colourings[colouring];
    data.color = Array.from(groups, (group) => entries[group].color);
    visible.booleans = Array.from(groups, (group) => !hidden.has(group));
    points.change.emit();
    legend();
  }

  for (const [value, { title }] of Object.entries(about.colourings)) {
    byId("colouring").append(element("option", { value, textContent: title }));
  }
  byId("colouring").onchange = (event) => {
    colouring = event.target.value;
    hidden = new Set();
    paint();
  };
  byId("all").onclick = () => {
    hidden = new Set();
    paint();
  };

  // the map
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.onclick = () => {
      for (const other of document.querySelectorAll("[data-mode]")) {
        other.setAttribute("aria-checked", String(other === button));
      }
      tools[button.dataset.mode].active = true;
      tell();
    };
  }

  function zoom(factor) {
    for (const range of [plot.x_range, plot.y_range]) {
      const middle = (range.start + range.end) / 2;
      const half = ((range.end - range.start) / 2) * factor;
      range.setv({ start: middle - half, end: middle + half });
    }
  }
  byId("closer").onclick = () => zoom(1 / 1.5);
  byId("further").onclick = () => zoom(1.5);
  byId("whole").onclick = () => {
    for (const [range, [start, end]] of [[plot.x_range, about.x], [plot.y_range, about.y]]) range.setv({ start, end });
  };

  function show(i) {
    ring.data = { x: [data.x[i]], y: [data.y[i]] };
    for (const [range, place] of [[plot.x_range, data.x[i]], [plot.y_range, data.y[i]]]) {
      if (place >= range.start && place <= range.end) continue;
      const half = (range.end - range.start) / 2;
      range.setv({ start: place - half, end: place + half });
    }
    byId("shown").hidden = false;
    byId("point-head").textContent = `Point ${data.index[i]}`;
    byId("card").innerHTML = `<div>${data.card[i]}</div>`; // explorer.py has escaped the names in it
    const facts = element("div");
    for (const name of about.columns.slice(1)) {
      const line = element("div", { textContent: `${name} ` });
      line.append(element("b", { textContent: shown(name, i) }));
      facts.append(line);
    }
    byId("card").append(facts);
    for (const row of document.querySelectorAll("tbody tr")) {
      row.setAttribute("aria-current", String(row.dataset.point === String(i)));
    }
  }

  // the selection
  const selected = () => [...points.selected.indices].sort((a, b) => data.index[a] - data.index[b]);
  const shown = (name, i) => (name === "confidence" ? data[name][i].toFixed(4) : String(data[name][i]));

  function tell(missing = false) {
    const n = points.selected.indices.length;
    const more = n > MOST_ROWS ? `, the first ${MOST_ROWS} are listed` : "";
    const how = tools.pan.active ? "choose “select a box” or “draw a lasso” above the map, then drag" : "drag";
    byId("status").className = missing && !n ? "missing" : "";
    byId("status").textContent = n
      ? `${n.toLocaleString("en")} ${n === 1 ? "point" : "points"} selected${more}. Click a row to see it on the map.`
      : `${missing ? "There is nothing to save: n" : "N"}o points selected. To select some, ${how} over the map, or click a point.`;
  }

  function list() {
    const rows = selected().slice(0, MOST_ROWS).map((i) => {
      const row = element("tr", { tabIndex: 0 });
      row.dataset.point = i;
      row.append(...about.columns.map((name) => element("td", { textContent: shown(name, i), title: shown(name, i) })));
      row.onclick = () => show(i);
      row.onkeydown = (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          show(i);
        }
      };
      return row;
    });
    document.querySelector("tbody").replaceChildren(...rows);
    byId("rows").hidden = !rows.length;
    if (!rows.length) {
      byId("shown").hidden = true;
      ring.data = { x: [], y: [] };
    } else if (rows.length === 1) {
      show(selected()[0]);
    }
    tell();
  }

  function cell(name, i) {
    const value = data[name][i];
    if (typeof value === "number") return shown(name, i);
    const isFormula = new RegExp(`^${about.formula}`).test(value) && isNaN(value);
    const text = (isFormula ? "'" : "") + value; // so that a spreadsheet calculates nothing
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  byId("save").onclick = () => {
    const rows = selected();
    if (!rows.length) return tell(true);
    const lines = [about.columns, ...rows.map((i) => about.columns.map((name) => cell(name, i)))];
    const text = lines.map((line) => `${line.join(",")}\n`).join("");
    const link = element("a", { download: `${about.title}-selection.csv` });
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  };
  byId("none").onclick = () => {
    points.selected.indices = [];
  };

  document.querySelector("thead tr").append(...about.columns.map((name) => element("th", { textContent: name, scope: "col" })));
  points.selected.properties.indices.change.connect(list);
  paint();
  tell();
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
