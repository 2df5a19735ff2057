// Search for points, names, classes and clusters.

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
  inTexts(wanted, go) {
    const { about, points } = this.explorer;
    const having = points.filter((i) => about.texts[i].toLowerCase().includes(wanted));
    const found = having.slice(0, 5).map((i) => [`point ${points.index[i]}: ${shortened(about.texts[i], 60)}`, go([i])]);
    return having.length > 1 ? [[`all ${count(having.length)} texts with “${wanted}”`, go(having)], ...found] : found;
  }

  // What a text may mean, and what is done if it does: [text, action].
  matches(text) {
    const { about, corrections, points } = this.explorer;
    const go = (those) => () => this.explorer.go(those);
    const wanted = text.toLowerCase();
    const has = (name) => name.toLowerCase().includes(wanted);
    const found = [];
    if (/^\d+$/.test(text)) {
      const i = points.index.indexOf(Number(text));
      if (i >= 0) found.push([`point ${text}`, go([i])]);
    }
    for (const c of points.roots) {
      const caption = corrections.captionOf(c);
      if (!has(caption) || found.length >= 6) continue;
      found.push([`cluster ${caption.replace(/^cluster /, "")}`, () => this.explorer.openCluster(c)]);
    }
    (about.classes ?? []).forEach(({ name }, k) => {
      if (!has(name) || found.length >= 9) return;
      const members = points.filter((i) => points.arrays.label[i] === k);
      if (members.length) found.push([`class ${name} (${count(members.length)})`, go(members)]);
    });
    if (about.texts) found.push(...this.inTexts(wanted, go));
    if (!about.names) return found;
    const named = points.filter((i) => has(about.names[i]));
    if (named.length > 1) found.push([`all ${count(named.length)} points with “${text}” in their name`, go(named)]);
    const isOther = (i) => about.names[i].toLowerCase() !== wanted;
    const best = named.slice(0, 2000).sort((a, b) => isOther(a) - isOther(b)).slice(0, 5);
    return [...found, ...best.map((i) => [`point ${points.index[i]}: ${about.names[i]}`, go([i])])];
  }
}
