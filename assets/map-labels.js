// The words on the map: topics, subjects of regions, and as one comes closer titles. None covers another.
(() => {
  const shared = (window.lexiMind ??= {});
  const MOST_TITLES = 36;
  const LONGEST = 34;

  const overlaps = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

  function measure(brush, look, font, text) {
    const key = `${font}|${text}`;
    if (!look.widths.has(key)) {
      if (look.widths.size > 4000) look.widths.clear();
      brush.font = font;
      look.widths.set(key, brush.measureText(text).width);
    }
    return look.widths.get(key);
  }

  function write(brush, look, text, x, y, font, colour, halo) {
    brush.font = font;
    brush.lineWidth = halo;
    brush.lineJoin = "round";
    brush.strokeStyle = look.paper;
    brush.strokeText(text, x, y);
    brush.fillStyle = colour;
    brush.fillText(text, x, y);
  }

  function shorten(title) {
    const short = title.length > LONGEST ? title.split(/[:;(]| or, /)[0].trim() : title;
    if (short.length <= LONGEST) return short;
    return `${short.slice(0, LONGEST).replace(/\s+\S*$/, "")}…`;
  }

  // Names of regions: those of the wider ones first, and narrower ones the closer one is.
  function nameRegions(brush, scene, taken) {
    const { camera, look, points } = scene;
    const small = camera.width < 600;
    const near = camera.zoom * (small ? 0.62 : 1);
    for (const region of points.regions) {
      if (region.level > 0 && near < 1.25 * 2 ** (region.level - 1)) continue;
      if (region.topic >= 0 && (camera.zoom > 5 || scene.painted)) continue;
      const [x, y] = [camera.toX(region.x), camera.toY(region.y)];
      if (x < -80 || y < -20 || x > camera.width + 80 || y > camera.height + 20) continue;
      const isTopic = region.topic >= 0;
      const size = isTopic ? (small ? 12 : 14) : (small ? 14 : 17) - Math.min(2, region.level);
      const font = isTopic ? `700 ${size}px ${look.sans}` : `italic 600 ${size}px ${look.serif}`;
      const text = isTopic ? region.name.toUpperCase() : region.name;
      brush.letterSpacing = isTopic ? "1.5px" : "0px";
      const half = measure(brush, look, font, text) / 2;
      // Words at the rim move in, so that none is cut off.
      const at = Math.min(camera.width - half - 6, Math.max(half + 6, x));
      if (Math.abs(at - x) > half) continue;
      const box = [at - half - 7, y - size * 0.75, at + half + 7, y + size * 0.75];
      if (box[1] < 0 || box[3] > camera.height || taken.some((other) => overlaps(box, other))) continue;
      taken.push(box);
      brush.textAlign = "center";
      brush.textBaseline = "middle";
      write(brush, look, text, at, y, font, scene.isFiltered ? look.quiet : look.ink, scene.inView.length > 1000 ? 6 : 4);
    }
    brush.letterSpacing = "0px";
  }

  // How many points that count words in a box would cover.
  function countPoints({ camera, points, counts }, [left, top, right, bottom]) {
    const [x, y] = [camera.fromX((left + right) / 2), camera.fromY((top + bottom) / 2)];
    const [wide, high] = [camera.fromX(right) - x, camera.fromY(bottom) - y];
    let found = 0;
    points.within(x, y, wide, high, (row) => (found += counts[row]));
    return found;
  }

  // Titles of the works that stand for their topic best, beside their points.
  function nameWorks(brush, scene, taken, limit) {
    const { camera, look, points } = scene;
    const rows = Array.from(scene.inView).sort((a, b) => points.rank[a] - points.rank[b]);
    const font = `500 13px ${look.sans}`;
    brush.textBaseline = "middle";
    brush.textAlign = "left";
    scene.wanted = [];
    let written = 0;
    for (const row of rows.slice(0, 6 * limit)) {
      if (written >= limit) break;
      const title = points.titles[row];
      if (title === undefined) {
        if (scene.wanted.length < 60) scene.wanted.push(row);
        continue;
      }
      const text = shorten(title);
      const width = measure(brush, look, font, text);
      const [x, y] = [camera.toX(points.x[row]), camera.toY(points.y[row])];
      const gap = scene.size + 5;
      const isFree = (box) => !taken.some((other) => overlaps(box, other)) && !countPoints(scene, box);
      const places = [[x + gap, y], [x - gap - width, y], [x - width / 2, y + gap + 8], [x - width / 2, y - gap - 8]];
      for (const [left, middle] of places) {
        const box = [left - 4, middle - 9, left + width + 4, middle + 9];
        if (box[0] < 0 || box[1] < 0 || box[2] > camera.width || box[3] > camera.height) continue;
        if (!isFree(box)) continue;
        taken.push(box);
        write(brush, look, text, left, middle, font, look.ink, 3.5);
        written += 1;
        break;
      }
    }
  }

  function draw(brush, scene, { crowded, gap }) {
    const { camera } = scene;
    const taken = [[camera.width - 60, 0, camera.width, 160]]; // the buttons
    scene.wanted = [];
    if (scene.isMoving && crowded) return nameRegions(brush, scene, taken);
    nameRegions(brush, scene, taken);
    if (crowded || scene.inView.length > 1500) return undefined;
    // As many as there is room for: from afar only where little is found.
    const room = Math.round((camera.width * camera.height) / 26000);
    const limit = gap > 48 || scene.inView.length <= 24 ? room : Math.round((room * Math.max(0, gap - 30)) / 18);
    return nameWorks(brush, scene, taken, Math.min(MOST_TITLES, limit));
  }

  shared.mapLabels = { draw };
})();
