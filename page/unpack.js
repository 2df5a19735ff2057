// From the text blocks of the page to arrays and thumbnails.

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
};
const STRIP = 16; // lines of thumbnails that are copied from a sheet at once

async function unpack() {
  const blocks = [...document.querySelectorAll("script.data")].map((block) => {
    const text = atob(block.textContent);
    block.remove();
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return bytes;
  });
  const stream = new Blob([blocks[0]]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, { type, at, length: n }] of Object.entries(about.arrays)) {
    arrays[name] = new ARRAYS[type](buffer, 4 + length + at, n);
  }
  return { about, arrays, thumbnails: about.images ? new Thumbnails(about.images, blocks.slice(1)) : null };
}

// Small images, cut from their sheets one after the other while the page is in use already.
class Thumbnails {
  constructor(about, files) {
    Object.assign(this, about);
    this.sheets = []; // of each sheet that is read: its pixels, thumbnail after thumbnail
    this.waiting = new Set();
    this.ready = this.read(files);
  }

  async read(files) {
    for (const file of files) {
      const sheet = await createImageBitmap(new Blob([file], { type: this.type }));
      this.sheets.push(await this.cut(sheet));
      sheet.close();
      for (const canvas of [...this.waiting]) this.paint(canvas);
    }
  }

  async cut(sheet) {
    const { width, height, is_grey: isGrey } = this;
    const step = isGrey ? 1 : 4;
    const columns = sheet.width / width;
    const lines = sheet.height / height;
    const pixels = new Uint8ClampedArray(columns * lines * width * height * step);
    const canvas = element("canvas", { width: sheet.width, height: STRIP * height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    for (let line = 0; line < lines; line += STRIP) {
      context.drawImage(sheet, 0, -line * height);
      const n = Math.min(STRIP, lines - line);
      const strip = context.getImageData(0, 0, sheet.width, n * height).data;
      for (let row = 0; row < n * height; row += 1) {
        const first = (line + Math.floor(row / height)) * columns;
        for (let column = 0; column < columns; column += 1) {
          const from = 4 * (row * sheet.width + column * width);
          const to = step * ((first + column) * height + (row % height)) * width;
          if (!isGrey) pixels.set(strip.subarray(from, from + 4 * width), to);
          else for (let k = 0; k < width; k += 1) pixels[to + k] = strip[from + 4 * k];
        }
      }
      await new Promise((resolve) => setTimeout(resolve)); // the page goes on
    }
    return pixels;
  }

  paint(canvas) {
    const i = canvas.point;
    const pixels = this.sheets[Math.floor(i / this.per_sheet)];
    if (!pixels) {
      this.waiting.add(canvas);
      return;
    }
    this.waiting.delete(canvas);
    const { width, height } = this;
    const n = width * height;
    const at = i % this.per_sheet;
    const image = new ImageData(width, height);
    if (this.is_grey) {
      for (let k = 0; k < n; k += 1) {
        const grey = pixels[at * n + k];
        image.data.set([grey, grey, grey, 255], 4 * k);
      }
    } else image.data.set(pixels.subarray(4 * at * n, 4 * (at + 1) * n));
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // A thumbnail of a point, so many pixels high on the screen, in whole multiples where it is small.
  of(i, side) {
    const { width, height } = this;
    const canvas = element("canvas", { width, height, className: "thumbnail" });
    const scale = side / Math.max(width, height);
    canvas.style.width = `${Math.round(width * scale)}px`;
    canvas.style.height = `${Math.round(height * scale)}px`;
    canvas.point = i;
    canvas.setAttribute("aria-hidden", "true");
    this.paint(canvas);
    return canvas;
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
