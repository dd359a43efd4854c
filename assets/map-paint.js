// Draws the map. Few works are drawn one by one; where thousands lie upon each other, as a field of colour.
(() => {
  const shared = (window.lexiMind ??= {});
  const TOPICS = ["arts", "business", "fiction", "history", "philosophy", "science", "technology"];
  const CELL = 4; // pixels of the field's cells
  const CROWD = 3000; // more points in view than this become a field
  const GAP = 8; // where they lie closer than so many pixels
  const STAMPS = 1000; // more points than this are drawn pixel by pixel

  // The colours of the style sheet, read again when day becomes night.
  function readLook(element) {
    const style = getComputedStyle(element);
    const get = (name) => style.getPropertyValue(name).trim();
    return {
      topics: TOPICS.map((name) => get(`--lm-dot-${name}`)),
      levels: [0, 1, 2, 3, 4].map((number) => get(`--lm-dot-level-${number}`)),
      faint: get("--lm-dot-faint"),
      paper: get("--lm-map-paper"),
      ink: get("--lm-ink"),
      quiet: get("--lm-quiet"),
      accent: get("--lm-accent"),
      serif: get("--lm-serif"),
      sans: get("--lm-sans"),
      sprites: new Map(),
      rgb: new Map(),
      widths: new Map(),
    };
  }

  function rgbOf(look, colour) {
    if (!look.rgb.has(colour)) {
      const wide = colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour;
      look.rgb.set(colour, [1, 3, 5].map((at) => parseInt(wide.slice(at, at + 2), 16)));
    }
    return look.rgb.get(colour);
  }

  // A book is a disc, a paper a square; a rim in the colour of the paper keeps neighbours apart.
  function spriteOf(look, colour, kind, radius, ratio) {
    const key = `${colour} ${kind} ${radius} ${ratio}`;
    if (!look.sprites.has(key)) {
      if (look.sprites.size > 200) look.sprites.clear();
      const sprite = document.createElement("canvas");
      const half = Math.ceil((radius + 2) * ratio);
      sprite.width = sprite.height = 2 * half;
      const brush = sprite.getContext("2d");
      brush.setTransform(ratio, 0, 0, ratio, half, half);
      trace(brush, 0, 0, radius, kind);
      brush.lineWidth = radius > 3 ? 2 : 1;
      brush.strokeStyle = look.paper;
      brush.stroke();
      brush.fillStyle = colour;
      brush.fill();
      look.sprites.set(key, { sprite, half: half / ratio });
    }
    return look.sprites.get(key);
  }

  function trace(brush, x, y, radius, kind) {
    brush.beginPath();
    if (kind) brush.rect(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76);
    else brush.arc(x, y, radius, 0, 2 * Math.PI);
  }

  // The rows in view: those that count, and the others.
  function sort(scene) {
    const { points, camera, counts } = scene;
    const margin = 12;
    const [left, right] = [camera.fromX(-margin), camera.fromX(camera.width + margin)];
    const [top, bottom] = [camera.fromY(-margin), camera.fromY(camera.height + margin)];
    scene.shown ??= { lit: new Uint32Array(points.n), dim: new Uint32Array(points.n) };
    if (scene.shown.lit.length !== points.n) scene.shown = { lit: new Uint32Array(points.n), dim: new Uint32Array(points.n) };
    let [lit, dim] = [0, 0];
    for (let i = 0; i < points.n; i++) {
      const [x, y] = [points.x[i], points.y[i]];
      if (x < left || x > right || y < top || y > bottom) continue;
      if (counts[i]) scene.shown.lit[lit++] = i;
      else scene.shown.dim[dim++] = i;
    }
    return { lit: scene.shown.lit.subarray(0, lit), dim: scene.shown.dim.subarray(0, dim) };
  }

  function drawPoints(brush, scene, rows, radius, colourOf) {
    if (rows.length > STAMPS) return stampPoints(brush, scene, rows, radius, colourOf);
    const { points, camera, look, ratio } = scene;
    for (const row of rows) {
      const { sprite, half } = spriteOf(look, colourOf(row), points.kind[row], radius, ratio);
      brush.drawImage(sprite, camera.toX(points.x[row]) - half, camera.toY(points.y[row]) - half, 2 * half, 2 * half);
    }
    return undefined;
  }

  // The same for thousands: their pixels are copied here, which is many times faster than as many pictures.
  function stampPoints(brush, scene, rows, radius, colourOf) {
    const { points, camera, look, ratio, canvas } = scene;
    const { width, height } = canvas;
    scene.sheet ??= document.createElement("canvas");
    if (scene.sheet.width !== width || scene.sheet.height !== height) {
      Object.assign(scene.sheet, { width, height });
      scene.image = new ImageData(width, height);
      scene.pixels = new Uint32Array(scene.image.data.buffer);
    }
    const pixels = scene.pixels.fill(0);
    const known = [new Map(), new Map()];
    for (const row of rows) {
      const colour = colourOf(row);
      const kind = points.kind[row] ? 1 : 0;
      let stamp = known[kind].get(colour);
      if (!stamp) known[kind].set(colour, (stamp = stampOf(spriteOf(look, colour, kind, radius, ratio))));
      const { side, inked } = stamp;
      const left = Math.round(camera.toX(points.x[row]) * ratio - side / 2);
      const top = Math.round(camera.toY(points.y[row]) * ratio - side / 2);
      for (let i = 0; i < inked.length; i += 3) {
        const [column, line] = [left + inked[i], top + inked[i + 1]];
        if (column < 0 || line < 0 || column >= width || line >= height) continue;
        const place = line * width + column;
        // What is half seen-through lies only where nothing is yet.
        if (inked[i + 2] >>> 24 > 127 || !pixels[place]) pixels[place] = inked[i + 2];
      }
    }
    scene.sheet.getContext("2d").putImageData(scene.image, 0, 0);
    brush.drawImage(scene.sheet, 0, 0, camera.width, camera.height);
  }

  // Column, line and colour of each pixel of a sprite that is not empty.
  function stampOf(found) {
    if (!found.stamp) {
      const side = found.sprite.width;
      const { data } = found.sprite.getContext("2d").getImageData(0, 0, side, side);
      const inked = [];
      new Uint32Array(data.buffer).forEach((pixel, i) => pixel >>> 24 && inked.push(i % side, Math.floor(i / side), pixel));
      found.stamp = { side, inked: Uint32Array.from(inked) };
    }
    return found.stamp;
  }

  // Each work colours the cells around it; a cell has the mean colour of its works, and is the fuller the more.
  function drawField(brush, scene, rows, colourOf, strength) {
    const { points, camera, look } = scene;
    const [wide, high] = [Math.ceil(camera.width / CELL) + 2, Math.ceil(camera.height / CELL) + 2];
    const size = wide * high;
    if (scene.sums?.length !== 4 * size) scene.sums = new Float32Array(4 * size);
    const sums = scene.sums.fill(0);
    const add = (cell, share, colour) => {
      sums[cell] += share * colour[0];
      sums[cell + 1] += share * colour[1];
      sums[cell + 2] += share * colour[2];
      sums[cell + 3] += share;
    };
    for (const row of rows) {
      const [x, y] = [camera.toX(points.x[row]) / CELL + 1, camera.toY(points.y[row]) / CELL + 1];
      const [column, line] = [Math.floor(x), Math.floor(y)];
      if (column < 1 || line < 1 || column >= wide - 1 || line >= high - 1) continue;
      // A quadratic spline: no grid shows through.
      const [right, down] = [x - column - 0.5, y - line - 0.5];
      const across = [0.5 * (0.5 - right) ** 2, 0.75 - right * right, 0.5 * (0.5 + right) ** 2];
      const along = [0.5 * (0.5 - down) ** 2, 0.75 - down * down, 0.5 * (0.5 + down) ** 2];
      const colour = rgbOf(look, colourOf(row));
      for (let j = 0; j < 3; j++) {
        const start = 4 * ((line + j - 1) * wide + column - 1);
        for (let i = 0; i < 3; i++) add(start + 4 * i, across[i] * along[j], colour);
      }
    }
    const field = (scene.field ??= document.createElement("canvas"));
    if (field.width !== wide || field.height !== high) Object.assign(field, { width: wide, height: high });
    const pen = field.getContext("2d");
    const image = pen.createImageData(wide, high);
    // So that a typical cell in view is about half full, however many works there are.
    const thickness = (1.2 * strength) / Math.max(0.35, (rows.length * CELL ** 2) / (0.6 * camera.width * camera.height));
    for (let i = 0; i < 4 * size; i += 4) {
      const weight = sums[i + 3];
      if (!weight) continue;
      image.data[i] = sums[i] / weight;
      image.data[i + 1] = sums[i + 1] / weight;
      image.data[i + 2] = sums[i + 2] / weight;
      image.data[i + 3] = 240 * strength * (1 - Math.exp(-weight * thickness));
    }
    pen.putImageData(image, 0, 0);
    brush.imageSmoothingEnabled = true;
    brush.imageSmoothingQuality = "high";
    brush.drawImage(field, -CELL, -CELL, wide * CELL, high * CELL);
  }

  function ring(brush, scene, row, radius, colour, width) {
    const { points, camera } = scene;
    trace(brush, camera.toX(points.x[row]), camera.toY(points.y[row]), radius, 0);
    brush.lineWidth = width;
    brush.strokeStyle = colour;
    brush.stroke();
  }

  // The mean distance of neighbours on the screen.
  const spacing = ({ points, camera }) =>
    Math.sqrt((2.6 * points.wide * camera.scaleX * points.high * camera.scaleY) / Math.max(points.n, 1)) * camera.zoom;

  function draw(scene) {
    const { camera, look, points, ratio } = scene;
    const brush = scene.canvas.getContext("2d");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.fillStyle = look.paper;
    brush.fillRect(0, 0, camera.width, camera.height);
    const rows = sort(scene);
    const gap = spacing(scene);
    const radius = Math.round(4 * Math.min(7.5, Math.max(1.5, 0.19 * gap))) / 4;
    const isField = (some) => some.length > CROWD && gap < GAP;
    const faint = () => look.faint;
    if (isField(rows.dim)) drawField(brush, scene, rows.dim, faint, 0.5);
    else drawPoints(brush, scene, rows.dim, Math.max(1.25, 0.6 * radius), faint);
    const crowded = isField(rows.lit);
    // Where few of very many count, they must be seen from afar.
    const size = Math.max(radius, Math.min(3.5, 0.19 * gap * Math.sqrt(points.n / Math.max(rows.lit.length * camera.zoom, 1))));
    if (crowded) drawField(brush, scene, rows.lit, scene.colourOf, 1);
    else drawPoints(brush, scene, scene.inOrder ? scene.inOrder(rows.lit) : rows.lit, size, scene.colourOf);
    for (const row of scene.saved) {
      if (row < points.n) ring(brush, scene, row, size + 3.5, look.ink, 1.75);
    }
    scene.size = size;
    scene.inView = rows.lit;
    shared.mapLabels.draw(brush, scene, { crowded, gap });
    for (const row of new Set([scene.hovered, scene.cursor])) {
      if (row < 0) continue;
      drawPoints(brush, scene, [row], Math.max(size + 2, 6), scene.colourOf);
      ring(brush, scene, row, Math.max(size + 2, 6) + 3, look.accent, 3);
    }
  }

  shared.mapPaint = { draw, readLook, spacing };
})();
