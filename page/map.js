// Points on a canvas, written pixel by pixel: a processor alone draws 100,000 of them in some milliseconds.

const REACH = { mouse: 12, touch: 24, pen: 16 }; // pixels to the point that is meant

class PointMap {
  // `on` has hover(i, x, y), click(i, x, y) and select(points); `dots`, `marks`: canvases; `labels`: a box over them.
  constructor({ dots, marks, labels, x, y, on }) {
    Object.assign(this, { dots, marks, labels, x, y, on });
    const n = x.length;
    this.groups = new Uint16Array(n); // of colours
    this.colors = [];
    this.isDark = false; // the ground
    this.visible = new Uint8Array(n).fill(1);
    this.focus = null; // points that stand out: Uint8Array, or null
    this.ring = null; // a point
    this.threads = []; // points that it is tied to
    this.texts = [];
    this.mode = "pan";
    this.pointers = new Map();
    this.order = shuffled(n); // so that no group hides the others
    this.limits = [extent(x), extent(y)];
    this.whole();
    new ResizeObserver(() => this.resize()).observe(dots.parentElement);
    this.resize();
    this.listen();
  }

  resize() {
    const box = this.dots.parentElement.getBoundingClientRect();
    const size = [Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height))];
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (this.width === size[0] && this.height === size[1] && this.ratio === ratio) return;
    [this.width, this.height] = size;
    this.ratio = ratio;
    for (const canvas of [this.dots, this.marks]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.pixels = this.dots.getContext("2d").createImageData(this.dots.width, this.dots.height);
    if (this.colors.length) this.drawAll(); // at once: the canvases are empty now
    else this.paint();
  }

  // The view: the place in the middle, and how often the whole map is magnified.
  whole() {
    const [[left, right], [low, high]] = this.limits;
    this.view = { x: (left + right) / 2, y: (low + high) / 2, zoom: 1 };
    this.paint();
  }

  scales() {
    const [[left, right], [low, high]] = this.limits;
    return [(this.width * this.view.zoom) / (right - left), (this.height * this.view.zoom) / (high - low)];
  }

  toScreen(x, y) {
    const [sx, sy] = this.scales();
    return [this.width / 2 + (x - this.view.x) * sx, this.height / 2 - (y - this.view.y) * sy];
  }

  place(i) {
    return this.toScreen(this.x[i], this.y[i]);
  }

  isInSight([x, y]) {
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }

  move(right, down) {
    const [sx, sy] = this.scales();
    this.view.x -= right / sx;
    this.view.y += down / sy;
    this.paint();
  }

  zoom(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const zoom = Math.min(400, Math.max(0.5, this.view.zoom * factor));
    const [right, down] = [this.width / 2 - x, this.height / 2 - y];
    this.move(right, down);
    this.view.zoom = zoom;
    this.move(-right, -down);
  }

  // Go where points are, if one may be out of sight.
  show(points) {
    const [[left, right], [low, high]] = [extent(points.map((i) => this.x[i])), extent(points.map((i) => this.y[i]))];
    const corners = [[left, low], [right, high]].map(([x, y]) => this.toScreen(x, y));
    if (corners.every((corner) => this.isInSight(corner))) return this.paint();
    const [[l, r], [b, t]] = this.limits;
    const zoom = Math.min((r - l) / (right - left), (t - b) / (high - low));
    this.view = { x: (left + right) / 2, y: (low + high) / 2, zoom: Math.max(0.5, Math.min(zoom, this.view.zoom)) };
    this.paint();
  }

  // Drawing
  paint() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = null;
      this.drawAll();
    });
  }

  drawAll() {
    this.draw();
    this.mark();
    this.name();
  }

  // A colour as it is here: on black, dark ones are mixed with white.
  shade(color) {
    const [red, green, blue] = rgb(color);
    const light = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    const share = this.isDark && light < 0.45 ? 0.45 - light : 0;
    return [red, green, blue].map((part) => part + (255 - part) * share);
  }

  css(color) {
    return `rgb(${this.shade(color).map(Math.round).join(" ")})`;
  }

  // For print: Chromium paints a cleared canvas white there, over what is under it.
  picture() {
    this.drawAll();
    const canvas = element("canvas", { width: this.dots.width, height: this.dots.height });
    for (const layer of [this.dots, this.marks]) canvas.getContext("2d").drawImage(layer, 0, 0);
    return canvas.toDataURL();
  }

  get radius() {
    const room = Math.sqrt((this.width * this.height) / this.x.length);
    return Math.min(7, Math.max(1.1, 0.22 * room) * this.view.zoom ** 0.35);
  }

  draw() {
    const { width, height, data } = this.pixels;
    const [red, green, blue] = rgb(getComputedStyle(this.dots).backgroundColor);
    new Uint32Array(data.buffer).fill((255 << 24) | (blue << 16) | (green << 8) | red);
    const radius = Math.min(6, this.radius) * this.ratio;
    if (this.focus) {
      const [ground, kept] = [[red, green, blue], 0.28]; // a thousand faint points on each other would not be faint
      const faded = this.colors.map((color) => color.map((part, k) => kept * part + (1 - kept) * ground[k]));
      this.drawPoints(stamp(radius, 0.75), faded, (i) => !this.focus[i]);
      this.drawPoints(stamp(radius + 0.4 * this.ratio, 0.95), this.colors, (i) => this.focus[i]);
    } else this.drawPoints(stamp(radius, 0.75), this.colors, () => true);
    this.dots.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  drawPoints({ size, alphas }, colors, isMeant) {
    const { width, height } = this.pixels;
    const data = new Uint8Array(this.pixels.data.buffer);
    const { x, y, groups, visible } = this;
    const [sx, sy] = this.scales().map((scale) => scale * this.ratio);
    const left = width / 2 - this.view.x * sx - size / 2;
    const top = height / 2 + this.view.y * sy - size / 2;
    for (const i of this.order) {
      if (!visible[i] || !isMeant(i)) continue;
      const column = Math.round(left + x[i] * sx);
      const row = Math.round(top - y[i] * sy);
      if (column < 0 || row < 0 || column + size > width || row + size > height) continue;
      const [red, green, blue] = colors[groups[i]];
      for (let down = 0, k = 0; down < size; down += 1) {
        let at = 4 * ((row + down) * width + column);
        for (let across = 0; across < size; across += 1, k += 1, at += 4) {
          const alpha = alphas[k];
          if (!alpha) continue;
          data[at] += ((red - data[at]) * alpha) >> 8;
          data[at + 1] += ((green - data[at + 1]) * alpha) >> 8;
          data[at + 2] += ((blue - data[at + 2]) * alpha) >> 8;
        }
      }
    }
  }

  // What stands over the points: a ring, threads to its neighbours, and what is being drawn.
  mark() {
    const context = this.marks.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.strokeStyle = getComputedStyle(this.dots).color;
    if (this.ring !== null) {
      const [x, y] = this.place(this.ring);
      context.lineWidth = 1;
      context.globalAlpha = 0.6;
      context.beginPath();
      for (const i of this.threads) {
        context.moveTo(x, y);
        context.lineTo(...this.place(i));
      }
      context.stroke();
      context.globalAlpha = 1;
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(x, y, this.radius + 5, 0, 7);
      context.stroke();
    }
    if (this.outline) {
      context.lineWidth = 1.5;
      context.setLineDash([5, 4]);
      context.beginPath();
      for (const place of this.outline) context.lineTo(...place);
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
  }

  // Names of groups, largest first, each where no other is: [{ text, color, points }].
  setLabels(groups) {
    this.texts = groups.map(({ text, color, points }) => {
      const label = element("div", { className: "label", textContent: text });
      label.style.setProperty("--color", `rgb(${color.map(Math.round).join(" ")})`);
      const crowd = this.crowd(points);
      const [x, y] = [this.x, this.y].map((all) => Float32Array.from(crowd, (i) => all[i]).sort());
      const [across, down] = [x, y].map((values) => at(values, 0.95) - at(values, 0.05));
      return { label, x: at(x, 0.5), y: at(y, 0.5), across, down };
    });
    this.labels.replaceChildren(...this.texts.map(({ label }) => label));
    for (const text of this.texts) {
      text.width = text.label.offsetWidth;
      text.height = text.label.offsetHeight;
    }
    this.paint();
  }

  // A group's points, or if their middle is in the sea between islands those of the largest; see `visualize.middle`.
  crowd(points) {
    const { x, y } = this;
    const [width, height] = this.limits.map(([low, high]) => (high - low) / 8);
    const [[left], [low]] = this.limits;
    const cell = (i) => 8 * Math.floor((y[i] - low) / height) + Math.floor((x[i] - left) / width);
    const near = (some) => {
      const [across, down] = [x, y].map((all) => at(Float32Array.from(some, (i) => all[i]).sort(), 0.5));
      return points.filter((i) => Math.abs(x[i] - across) <= width && Math.abs(y[i] - down) <= height);
    };
    const around = near(points);
    if (2 * around.length > points.length) return points;
    const cells = Array.from({ length: 64 }, () => []);
    for (const i of points) cells[cell(i)].push(i);
    const crowds = cells.filter((some) => some.length).map(near);
    const crowd = crowds.reduce((most, some) => (some.length > most.length ? some : most));
    return 2 * around.length > crowd.length ? points : crowd;
  }

  name() {
    const taken = [];
    const [sx, sy] = this.scales();
    for (const { label, x, y, width, height, ...group } of this.texts) {
      let [across, down] = this.toScreen(x, y);
      let free = null;
      if (this.isInSight([across, down])) {
        const isSmall = group.across * sx < 1.5 * width && group.down * sy < 4 * height;
        if (isSmall) down -= (group.down * sy) / 2 + this.radius + height / 2 + 3; // the label would cover it
        for (const [right, below] of AROUND) {
          const left = clamp(across - width / 2 + right * (width / 2 + 8), 0, this.width - width);
          const top = clamp(down - height / 2 + below * height, 0, this.height - height);
          const box = [left, top, left + width, top + height];
          if (taken.every((other) => isApart(box, other))) {
            free = box;
            break;
          }
        }
      }
      label.style.visibility = free ? "visible" : "hidden";
      if (!free) continue;
      taken.push(free);
      label.style.transform = `translate(${Math.round(free[0])}px, ${Math.round(free[1])}px)`;
    }
  }

  // Finding
  nearest([x, y], reach) {
    let best = null;
    let least = reach * reach;
    const [sx, sy] = this.scales();
    const left = this.width / 2 - this.view.x * sx - x;
    const top = this.height / 2 + this.view.y * sy - y;
    for (let i = 0; i < this.x.length; i += 1) {
      if (!this.visible[i]) continue;
      const across = left + this.x[i] * sx;
      const down = top - this.y[i] * sy;
      const distance = across * across + down * down;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  within(outline) {
    const found = [];
    const [left, right, top, bottom] = [0, 1].flatMap((axis) => {
      const values = outline.map((place) => place[axis]);
      return [Math.min(...values), Math.max(...values)];
    });
    for (let i = 0; i < this.x.length; i += 1) {
      if (!this.visible[i]) continue;
      const [x, y] = this.place(i);
      if (x >= left && x <= right && y >= top && y <= bottom && isInside([x, y], outline)) found.push(i);
    }
    return found;
  }

  // Pointer and keys
  listen() {
    const canvas = this.dots;
    const at = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
      this.start = this.pointers.size === 1 ? at(event) : null; // two fingers zoom
      this.drawing = this.start && (this.mode !== "pan" || event.shiftKey) ? (this.mode === "lasso" ? "lasso" : "box") : null;
      this.outline = null;
      this.on.hover(null);
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = at(event);
      const before = this.pointers.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== "touch") this.on.hover(this.nearest(now, REACH.mouse), ...now);
        return;
      }
      this.pointers.set(event.pointerId, now);
      if (this.pointers.size === 2) return this.pinch(event.pointerId, before, now);
      if (!this.start) return;
      this.moved ||= Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > 5;
      if (!this.moved) return;
      if (this.drawing === "lasso") this.outline = [...(this.outline ?? [this.start]), now];
      else if (this.drawing) this.outline = [this.start, [now[0], this.start[1]], now, [this.start[0], now[1]]];
      else this.move(now[0] - before[0], now[1] - before[1]);
      this.mark();
    });
    const end = (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      const { start, moved, outline } = this;
      if (!this.pointers.size) [this.start, this.moved, this.outline, this.drawing] = [null, false, null, null];
      if (event.type === "pointercancel" || !start) return;
      if (!moved) this.on.click(this.nearest(at(event), REACH[event.pointerType] ?? REACH.mouse), ...at(event));
      else if (outline) this.on.select(this.within(outline));
      this.mark();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") this.on.hover(null); // a finger leaves after each tap
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.on.hover(null);
        const lines = event.deltaMode ? 30 * event.deltaY : event.deltaY;
        this.zoom(Math.exp(-0.0016 * clamp(lines, -300, 300)), at(event));
      },
      { passive: false },
    );
    const keys = {
      ArrowLeft: () => this.move(60, 0),
      ArrowRight: () => this.move(-60, 0),
      ArrowUp: () => this.move(0, 60),
      ArrowDown: () => this.move(0, -60),
      "+": () => this.zoom(1.5),
      "=": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5),
      0: () => this.whole(),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  pinch(id, before, now) {
    const [other] = [...this.pointers].find(([key]) => key !== id).slice(1);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
    this.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.zoom(far(now) / far(before), middle);
  }
}

// Where a label may stand, in its halves and heights from its place: there, or around it, near ones first.
const AROUND = [[0, 0]];
for (const ring of [1, 2, 3, 4, 5]) {
  for (const [right, below] of [[0, -1], [0, 1], [1, 0], [-1, 0], [0.8, -1], [-0.8, -1], [0.8, 1], [-0.8, 1]]) {
    AROUND.push([right * ring * 0.8, below * ring * 1.05]);
  }
}

const at = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))];
const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
const isApart = (a, b) => a[0] >= b[2] + 2 || b[0] >= a[2] + 2 || a[1] >= b[3] + 1 || b[1] >= a[3] + 1;

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const margin = 0.05 * (high - low) || 1;
  return [low - margin, high + margin];
}

function rgb(color) {
  if (color.startsWith("#")) return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

// A disc: how much of each pixel of a square it covers, times its opacity, in 256ths.
function stamp(radius, opacity) {
  const size = Math.max(2, Math.ceil(2 * radius + 1));
  const alphas = new Uint8Array(size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const distance = Math.hypot(row + 0.5 - size / 2, column + 0.5 - size / 2);
      alphas[row * size + column] = 255 * opacity * clamp(radius + 0.5 - distance, 0, 1);
    }
  }
  return { size, alphas };
}

// The same order each time, that of a small generator of random numbers.
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 1;
  for (let i = n - 1; i > 0; i -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function isInside([x, y], outline) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i, i += 1) {
    const [[xi, yi], [xj, yj]] = [outline[i], outline[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
