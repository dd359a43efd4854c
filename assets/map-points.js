// The works of the map as points: what the server sent, decoded, and where each of them is on the screen.
(() => {
  const shared = (window.lexiMind ??= {});
  const STRETCH = 1.75;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const shorts = (text) => {
    const raw = new DataView(bytes(text).buffer);
    return Uint16Array.from({ length: raw.byteLength / 2 }, (_, i) => raw.getUint16(2 * i, true));
  };

  // One byte a work, 1 for those that a bit is set for; no text means all.
  function readBits(text, n, all) {
    if (!text) return new Uint8Array(n).fill(all ? 1 : 0);
    const packed = bytes(text);
    return Uint8Array.from({ length: n }, (_, i) => (packed[i >> 3] >> (i & 7)) & 1);
  }

  class Points {
    constructor(told) {
      const places = shorts(told.places);
      const labels = bytes(told.labels);
      this.n = labels.length;
      this.version = told.version;
      this.x = Float32Array.from({ length: this.n }, (_, i) => places[2 * i] / 32767.5 - 1);
      this.y = Float32Array.from({ length: this.n }, (_, i) => places[2 * i + 1] / 32767.5 - 1);
      this.topic = labels.map((label) => label & 15);
      this.kind = labels.map((label) => label >> 4);
      this.rank = shorts(told.ranks);
      this.titles = told.titles ?? [];
      this.regions = told.regions.map(([name, x, y, level, topic]) => ({ name, x, y, level, topic }));
      this.high = this.y.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
      this.wide = this.x.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
      this.index();
    }

    // Rows by the cell of a grid that they lie in: the nearest point is found without looking at all.
    index() {
      this.side = Math.min(256, Math.max(8, Math.round(Math.sqrt(this.n / 4))));
      this.starts = new Uint32Array(this.side ** 2 + 1);
      const cells = new Uint32Array(this.n);
      for (let i = 0; i < this.n; i++) {
        cells[i] = this.cell(this.y[i]) * this.side + this.cell(this.x[i]);
        this.starts[cells[i] + 1] += 1;
      }
      for (let i = 0; i < this.side ** 2; i++) this.starts[i + 1] += this.starts[i];
      const next = this.starts.slice();
      this.rows = new Uint32Array(this.n);
      for (let i = 0; i < this.n; i++) this.rows[next[cells[i]]++] = i;
    }

    cell(value) {
      return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side)));
    }

    // Every row within so much of a place each way.
    within(x, y, dx, dy, tell) {
      for (let line = this.cell(y - dy); line <= this.cell(y + dy); line++) {
        for (let column = this.cell(x - dx); column <= this.cell(x + dx); column++) {
          const cell = line * this.side + column;
          for (let i = this.starts[cell]; i < this.starts[cell + 1]; i++) {
            const row = this.rows[i];
            if (Math.abs(this.x[row] - x) <= dx && Math.abs(this.y[row] - y) <= dy) tell(row);
          }
        }
      }
    }

    // The row nearest to a place, within so much of it each way; -1 for none.
    near(x, y, dx, dy, passes) {
      let [best, least] = [-1, 1];
      this.within(x, y, dx, dy, (row) => {
        const gap = ((this.x[row] - x) / dx) ** 2 + ((this.y[row] - y) / dy) ** 2;
        if (gap <= least && passes(row)) [best, least] = [row, gap];
      });
      return best;
    }
  }

  // What part of the map the canvas shows. At zoom 1 all of it; the axes mean nothing, so it may be stretched
  // to fill the canvas.
  class Camera {
    constructor() {
      Object.assign(this, { x: 0, y: 0, zoom: 1, width: 1, height: 1, scaleX: 1, scaleY: 1, most: 16 });
    }

    frame(width, height, points) {
      Object.assign(this, { width, height });
      const room = Math.min(56, width * 0.07);
      const [x, y] = [(width / 2 - room) / points.wide, (height / 2 - room) / points.high];
      const least = Math.min(x, y);
      [this.scaleX, this.scaleY] = [Math.min(x, STRETCH * least), Math.min(y, STRETCH * least)];
      this.most = points.n > 5000 ? 64 : 20;
      this.points = points;
      this.hold();
    }

    toX = (x) => (x - this.x) * this.scaleX * this.zoom + this.width / 2;
    toY = (y) => (y - this.y) * this.scaleY * this.zoom + this.height / 2;
    fromX = (x) => (x - this.width / 2) / (this.scaleX * this.zoom) + this.x;
    fromY = (y) => (y - this.height / 2) / (this.scaleY * this.zoom) + this.y;

    // Not past the edge of the map.
    hold() {
      this.zoom = Math.min(this.most, Math.max(1, this.zoom));
      const spare = 1 - 1 / this.zoom;
      const [wide, high] = [(this.points?.wide ?? 1) * spare, (this.points?.high ?? 1) * spare];
      this.x = Math.min(wide, Math.max(-wide, this.x));
      this.y = Math.min(high, Math.max(-high, this.y));
    }

    move(dx, dy) {
      this.x -= dx / (this.scaleX * this.zoom);
      this.y -= dy / (this.scaleY * this.zoom);
      this.hold();
    }

    // What lies under a place of the canvas stays there.
    magnify(times, atX = this.width / 2, atY = this.height / 2) {
      const [x, y] = [this.fromX(atX), this.fromY(atY)];
      this.zoom = Math.min(this.most, Math.max(1, this.zoom * times));
      this.x += x - this.fromX(atX);
      this.y += y - this.fromY(atY);
      this.hold();
    }

    // Where to stand so that all of these points are seen.
    around(rows, points) {
      let [left, right, top, bottom] = [1, -1, 1, -1];
      for (const row of rows) {
        left = Math.min(left, points.x[row]);
        right = Math.max(right, points.x[row]);
        top = Math.min(top, points.y[row]);
        bottom = Math.max(bottom, points.y[row]);
      }
      const fits = Math.min(this.width / ((right - left) * this.scaleX + 1e-6), this.height / ((bottom - top) * this.scaleY + 1e-6));
      return { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.min(8, Math.max(1, 0.8 * fits)) };
    }
  }

  shared.mapPoints = { Points, Camera, readBits, bytes };
})();
