// Search for points, names, classes, clusters and columns, by what the page calls them.

const OFFERED = { cluster: 6, class: 5, column: 5, point: 6, text: 6 }; // answers of each kind, at most

class Search {
  constructor(explorer) {
    this.explorer = explorer;
    const [query, found] = [byId("query"), byId("found")];
    query.oninput = () => this.offer(query.value.trim());
    query.onfocus = query.oninput;
    query.onkeydown = (event) => {
      if (event.key === "Enter") found.querySelector("button")?.click();
      if (event.key === "ArrowDown") found.querySelector("button")?.focus();
      if (event.key === "Escape") {
        this.clear();
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

  clear() {
    byId("query").value = "";
    byId("found").hidden = true;
  }

  offer(text) {
    const found = byId("found");
    const matches = text ? this.matches(text) : [];
    found.replaceChildren(
      ...matches.map(([match, action]) =>
        button(match, "match", () => {
          found.hidden = true;
          action();
        }),
      ),
    );
    if (text && !matches.length) found.append(element("p", { className: "hint", textContent: "Nothing is called so." }));
    found.hidden = !text;
  }

  // Points whose texts have what is searched for: all of them, and the first few.
  inTexts(wanted) {
    const { about, points } = this.explorer;
    if (!about.texts || !wanted) return [];
    const having = points.filter((i) => about.texts[i].toLowerCase().includes(wanted));
    const go = (those) => () => this.explorer.go(those);
    const found = having.slice(0, 5).map((i) => {
      const text = `point ${points.index[i]}: ${shortened(about.texts[i], 60)}`;
      return { kind: "text", keys: [], text, more: about.texts[i], action: go([i]) };
    });
    if (having.length < 2) return found;
    const all = `all ${count(having.length)} texts with “${byId("query").value.trim()}”`;
    return [{ kind: "text", keys: [], text: all, more: wanted, action: go(having) }, ...found];
  }

  // Points whose words in a column that was not clustered have what is searched for.
  inColumns(wanted) {
    const { points } = this.explorer;
    return points.columns.beside.flatMap(({ name, values, of }) => {
      const having = values?.map((value) => value.toLowerCase().includes(wanted)) ?? [];
      if (!having.includes(true)) return [];
      const found = points.filter((i) => having[of(i)]);
      const text = `${plural(found.length, "point")} with “${byId("query").value.trim()}” in ${name}`;
      return [{ kind: "text", keys: [], text, more: wanted, action: () => this.explorer.go(found) }];
    });
  }

  // What a text may mean, the most exact first, and what is done if it does: [text, action].
  matches(text) {
    const wanted = text.toLowerCase().replace(/^feature(?=\s|$)/, (word) => (this.hasFeatures ? word : "column"));
    const found = [...this.clusters(), ...this.classes(), ...this.columns(), ...this.points(wanted), ...this.inTexts(wanted), ...this.inColumns(wanted)];
    const ranked = found.map((one) => ({ ...one, rank: rank(one, wanted) })).filter((one) => one.rank < 9);
    ranked.sort((a, b) => a.rank - b.rank);
    const left = { ...OFFERED };
    return ranked.filter(({ kind }) => (left[kind] -= 1) >= 0).map(({ text: answer, action }) => [answer, action]);
  }

  get hasFeatures() {
    return this.explorer.points.columns.own.some(({ name }) => /^feature\b/i.test(name));
  }

  clusters() {
    const { corrections, points } = this.explorer;
    return points.roots.map((c) => {
      const name = corrections.nameOf(c);
      const said = `cluster ${c}${name ? `: ${name}` : ""}`;
      const more = points.ofCluster.get(c).description;
      return { kind: "cluster", keys: [String(c), name, `cluster ${c}`], text: said, more, action: () => this.explorer.openCluster(c) };
    });
  }

  classes() {
    const { about, points } = this.explorer;
    if (!about.classes) return [];
    const counts = about.classes.map(() => 0);
    for (let i = 0; i < points.n; i += 1) counts[points.arrays.label[i]] += 1;
    const all = about.classes.map(({ name }, k) => {
      const action = () => this.explorer.go(points.filter((i) => points.arrays.label[i] === k));
      return { kind: "class", keys: [name, `class ${name}`], text: `class ${name} (${count(counts[k])})`, action };
    });
    return all.filter((_, k) => counts[k]);
  }

  columns() {
    const { colours, points } = this.explorer;
    return [...points.columns.scores, ...points.columns.coloured].map(({ id, name, values }) => {
      const action = () => {
        colours.colourBy(id);
        this.explorer.say(`The map is coloured by ${name}.`);
      };
      return { kind: "column", keys: [name, `column ${name}`], text: `column ${name}`, more: values?.join(" "), action };
    });
  }

  points(wanted) {
    const { about, points } = this.explorer;
    const go = (those) => () => this.explorer.go(those);
    const found = [];
    const [, asked] = /^(?:point\s*)?(\d+)$/.exec(wanted) ?? [];
    const i = asked ? points.index.indexOf(Number(asked)) : -1;
    const said = (k) => `point ${points.index[k]}${about.names ? `: ${about.names[k]}` : ""}`;
    if (i >= 0) found.push({ kind: "point", keys: [asked, `point ${asked}`], text: said(i), action: go([i]) });
    if (wanted === "point" && points.n) found.push({ kind: "point", keys: ["point"], text: said(0), action: go([0]) });
    if (!about.names) return found;
    const name = (k) => about.names[k].toLowerCase();
    const named = points.filter((k) => name(k).includes(wanted));
    if (named.length > 1) {
      const text = `all ${count(named.length)} points with “${byId("query").value.trim()}” in their name`;
      found.push({ kind: "point", keys: [], text, more: wanted, action: go(named) });
    }
    const best = named.slice(0, 2000).sort((a, b) => (name(a) !== wanted) - (name(b) !== wanted)).slice(0, 5);
    for (const k of best) if (k !== i) found.push({ kind: "point", keys: [name(k)], text: said(k), action: go([k]) });
    if (!found.length && /^point\b/.test(wanted)) {
      const k = points.filter((j) => said(j).toLowerCase() === wanted)[0];
      if (k !== undefined) found.push({ kind: "point", keys: [wanted], text: said(k), action: go([k]) });
    }
    return found;
  }
}

// 0: called so; 1: begins so; 2: has it; 3: is described so; 9: has nothing of it. A number is not a part of another.
function rank({ keys, text, more }, wanted) {
  const texts = [...keys, text].map((key) => key.toLowerCase());
  if (texts.includes(wanted)) return 0;
  if (/(^|\D)\d+$/.test(wanted) && texts.some((key) => key.startsWith(wanted) && !/\d/.test(key[wanted.length]))) return 0.5;
  if (texts.some((key) => key.startsWith(wanted))) return 1;
  if (texts.some((key) => key.includes(wanted))) return 2;
  return more?.toLowerCase().includes(wanted) ? 3 : 9;
}
