// Small parts of the page: numbers and names in words, buttons, swatches, bars, files.

const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
const number = (value) => String(Number(value.toPrecision(4)));

// A name of at most so many characters, as `samples.shortened` cuts it.
function shortened(name, most) {
  const end = Math.floor(most / 2);
  return name.length > most ? `${name.slice(0, most - 1 - end).trimEnd()}…${name.slice(-end).trimStart()}` : name;
}

// A name whose lines may end after each "_".
function inParts(name) {
  return name.split(/(?<=_)/).flatMap((part, k) => (k ? [element("wbr"), part] : [part]));
}

function button(text, role, onclick, label) {
  const made = element("button", { type: "button", textContent: text, onclick });
  made.dataset.role = role;
  if (label) made.setAttribute("aria-label", label);
  return made;
}

// One of several buttons is chosen, by a click or by the arrow keys.
function radios(buttons, onchoose) {
  for (const chosen of buttons) {
    chosen.onclick = () => {
      for (const one of buttons) {
        one.setAttribute("aria-checked", String(one === chosen));
        one.tabIndex = one === chosen ? 0 : -1;
      }
      onchoose(chosen);
    };
    chosen.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = buttons.at((buttons.indexOf(chosen) + step) % buttons.length);
      next.click();
      next.focus();
    };
  }
}

function swatch(color, isHidden) {
  const made = element("span", { className: "swatch" });
  made.style.borderColor = color;
  if (!isHidden) made.style.background = color;
  return made;
}

// A bar to the right or to the left of the mean of all, and the difference in standard deviations.
function difference(z) {
  const cell = element("td", { className: "difference" });
  const bar = element("span", { className: z < 0 ? "bar-down" : "bar-up" });
  bar.style.width = `${Math.min(Math.abs(z), 3) * 14}px`;
  cell.append(element("span", { className: "bar-box" }, bar), `${z < 0 ? "−" : "+"}${Math.abs(z).toFixed(1)}σ`);
  return cell;
}

// A feature, numbers of it, and how far they are from the mean of all.
function featureRow(name, numbers, z) {
  const head = element("th", { scope: "row", title: name }, ...inParts(name));
  return element("tr", {}, head, ...numbers.map((value) => element("td", { textContent: number(value) })), difference(z));
}

// A text of which no spreadsheet makes a formula, as `samples.no_formulas` does it.
function harmless(text, formula) {
  const isNumber = text.trim() !== "" && !Number.isNaN(Number(text));
  return new RegExp(`^${formula}`).test(text) && !isNumber ? `'${text}` : text;
}

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// What this browser keeps, where it keeps anything: not in some notebooks.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, text) {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

function download(name, text, type) {
  const link = element("a", { download: name, href: URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type })) });
  link.click();
  URL.revokeObjectURL(link.href);
}
