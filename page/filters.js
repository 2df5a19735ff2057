// Filters: which points are to be seen, by their numbers or words in any column.

class Filters {
  constructor(points, onChange) {
    Object.assign(this, { points, onChange });
    this.active = new Map(); // by column: { passes, box }
    const select = byId("filtering");
    this.offer(select);
    select.onchange = () => {
      if (select.value) this.add(select.value);
      select.value = "";
    };
    byId("filter-select").onclick = () => this.onSelect?.();
  }

  offer(select) {
    const { columns, isLabelled } = this.points;
    const own = columns.own.map(({ id, name }) => [id, name]);
    const fixed = [["cluster", "cluster"], isLabelled && ["label", "true class"], ...columns.scores.map(({ id, name }) => [id, name])];
    choices(select, fixed.filter(Boolean), own);
  }

  get isOn() {
    return [...this.active.values()].some(({ passes }) => passes);
  }

  passes(i) {
    for (const { passes } of this.active.values()) if (passes && !passes(i)) return false;
    return true;
  }

  add(id) {
    if (!this.active.has(id)) {
      const one = { passes: null };
      this.active.set(id, one);
      one.box = this.box(id, one);
      byId("filters").append(one.box);
    }
    this.active.get(id).box.querySelector("select, input").focus();
  }

  // Clusters have changed: what was asked of them holds no more.
  forget(id) {
    this.active.get(id)?.box.remove();
    this.active.delete(id);
  }

  clear() {
    this.active.clear();
    byId("filters").replaceChildren();
  }

  box(id, one) {
    const { name, values, of, text, isLong } = this.column(id);
    const box = element("span", { className: "filter" }, element("span", { className: "name", textContent: name, title: name }));
    if (isLong) box.append(this.part(name, text, one));
    else box.append(...(values ? this.words(name, values, of, one) : this.limits(name, of, one)));
    const remove = button("×", "remove", () => {
      this.active.delete(id);
      box.remove();
      this.onChange();
    });
    remove.setAttribute("aria-label", `Do not filter by ${name}`);
    box.append(remove);
    return box;
  }

  // Clusters and classes are columns of words here.
  column(id) {
    const { about, arrays, corrections, roots } = this.points;
    if (id === "label") return { name: "true class", values: about.classes.map(({ name }) => name), of: (i) => arrays.label[i] };
    if (id !== "cluster") return this.points.columns.byId.get(id);
    return { name: "cluster", values: roots.map((c) => corrections.captionOf(c)), of: (i) => roots.indexOf(this.points.clusterOf(i)) };
  }

  words(name, values, of, one) {
    const counts = new Uint32Array(values.length);
    for (let i = 0; i < this.points.n; i += 1) counts[of(i)] += 1;
    const select = element("select", {}, element("option", { value: "", textContent: "any" }));
    select.setAttribute("aria-label", `Only points whose ${name} is`);
    values.forEach((value, k) => {
      if (counts[k]) select.append(element("option", { value: k, textContent: `${shortened(value, 40)} (${count(counts[k])})` }));
    });
    select.onchange = () => {
      const wanted = Number(select.value);
      one.passes = select.value === "" ? null : (i) => of(i) === wanted;
      this.onChange();
    };
    return [select];
  }

  // Of too many words for a list: a part of them.
  part(name, text, one) {
    const input = element("input", { type: "text", placeholder: "has" });
    input.setAttribute("aria-label", `Only points whose ${name} has`);
    input.oninput = () => {
      const wanted = input.value.trim().toLowerCase();
      one.passes = wanted ? (i) => text(i).toLowerCase().includes(wanted) : null;
      this.onChange();
    };
    return input;
  }

  limits(name, of, one) {
    const [low, high] = range(this.points.n, of);
    const inputs = [["from", low], ["to", high]].map(([word, limit]) => {
      const input = element("input", { type: "number", step: "any", placeholder: `${word} ${number(limit)}` });
      input.setAttribute("aria-label", `${name}, ${word}`);
      return input;
    });
    for (const input of inputs) {
      input.oninput = () => {
        const [from, to] = inputs.map(({ valueAsNumber }) => valueAsNumber);
        const [least, most] = [Number.isNaN(from) ? -Infinity : from, Number.isNaN(to) ? Infinity : to];
        const isOpen = least === -Infinity && most === Infinity;
        const slack = (limit) => 1e-6 * Math.abs(limit) || 0; // numbers of single precision, as they are shown
        one.passes = isOpen ? null : (i) => of(i) >= least - slack(least) && of(i) <= most + slack(most);
        this.onChange();
      };
    }
    return inputs;
  }

  tell(nShown) {
    byId("filter-bar").hidden = !this.isOn;
    byId("filter-status").textContent = `${count(nShown)} of ${plural(this.points.n, "point")} to be seen`;
  }
}

function range(n, of) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < n; i += 1) {
    const value = of(i);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// Fill a select: what is always there, and the columns of the data.
function choices(select, fixed, own) {
  const option = ([value, textContent]) => element("option", { value, textContent });
  select.append(...fixed.map(option));
  if (own.length) select.append(element("optgroup", { label: "Columns" }, ...own.map(option)));
}
