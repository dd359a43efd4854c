// The Map page: one canvas that outlives the answers; each answer says which works count and how to colour them.
(() => {
  const shared = (window.lexiMind ??= {});
  const { Points, Camera, readBits, bytes } = shared.mapPoints;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const chart = { camera: new Camera(), levels: new Map(), told: new Map(), asked: new Map(), lit: new Set(), saved: [] };
  Object.assign(chart, { points: null, frame: null, map: null, hovered: -1, cursor: -1, pinned: false, turn: 0, isListed: false });
  shared.serveMap = (server) => (chart.server = server);
  shared.chart = Object.assign(chart, { repaint: paint });

  const { tell, findInView, listWorks, point, showCard, hideCard, open, said } = shared.wordMap(chart, draw);
  const part = (name) => chart.frame.querySelector(`.lm-map-${name}`);

  document.addEventListener("lm:arrived", ({ detail }) => {
    const map = detail.element.querySelector(".lm-map");
    if (map && (map.dataset.map !== chart.heard || !chart.frame?.isConnected)) arrive(map, detail.element).catch(fail);
  });

  async function arrive(map, element) {
    const turn = (chart.turn += 1);
    const told = JSON.parse(map.dataset.map);
    chart.heard = map.dataset.map;
    adopt(map, element);
    map.querySelector(".lm-map-list").open = chart.isListed;
    part("nothing").hidden = told.nFound > 0;
    if (chart.points?.version !== told.version) {
      chart.points = null;
      sayState("Drawing the map…");
      const payload = await chart.server.map_points();
      if (turn !== chart.turn) return;
      chart.points = new Points(payload);
      for (const kept of [chart.levels, chart.told, chart.asked]) kept.clear();
    }
    if (told.paint && !chart.levels.has(told.paint)) chart.levels.set(told.paint, bytes(await chart.server.map_levels(told.paint)));
    if (turn !== chart.turn) return;
    if (chart.paint !== told.paint) chart.lit.clear();
    Object.assign(chart, { paint: told.paint, saved: told.saved, hovered: -1, cursor: -1 });
    chart.found = readBits(told.found, told.works, told.nFound === told.works);
    chart.nFound = told.nFound;
    chart.isFiltered = told.nFound < told.works;
    hideCard();
    count();
    sayState("");
    resize();
    if (chart.nFound && chart.nFound < told.works && !findInView().length) fit();
  }

  function fail() {
    sayState("The map could not be fetched.", () => arrive(chart.map, chart.element).catch(fail));
  }

  // What stands over the map while there is none; with a way to try again where that helps.
  function sayState(text, again) {
    const state = part("state");
    state.hidden = !text;
    state.replaceChildren();
    if (!text) return;
    const words = document.createElement("p");
    words.textContent = text;
    state.append(words);
    if (!again) return;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Try again" });
    button.addEventListener("click", again);
    state.append(button);
  }

  // The frame is made once, and put back into each answer: the drawing does not blink.
  function adopt(map, element) {
    Object.assign(chart, { map, element });
    if (!chart.frame) {
      chart.frame = map.querySelector(".lm-map-template").content.firstElementChild.cloneNode(true);
      make();
    }
    map.querySelector(".lm-map-place").replaceChildren(chart.frame);
    if (chart.root === element) return;
    chart.root = element;
    element.addEventListener("click", (event) => {
      const key = event.target.closest?.("button[data-key]");
      if (key) light(key);
    });
    element.addEventListener("toggle", listen, true); // it does not bubble
  }

  function listen(event) {
    if (!event.target.matches(".lm-map-list")) return;
    chart.isListed = event.target.open;
    listWorks();
  }

  function make() {
    chart.canvas = part("canvas");
    new ResizeObserver(resize).observe(chart.frame);
    new MutationObserver(() => {
      chart.look = null;
      draw();
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    shared.steerMap(chart, { draw, point, open, fit, glide, step, hideCard, said });
    for (const button of chart.frame.querySelectorAll("[data-map-do]")) {
      const steps = { in: () => glide(2), out: () => glide(0.5), fit };
      button.addEventListener("click", steps[button.dataset.mapDo]);
    }
  }

  // A work counts when it is found and, in a mood's colours, of a step of the scale that is lit.
  function count() {
    const levels = chart.levels.get(chart.paint);
    chart.counts = chart.found.map((found, row) => found && (!chart.lit.size || !levels || chart.lit.has(levels[row])));
    for (const key of chart.map.querySelectorAll("button[data-key]")) {
      key.setAttribute("aria-pressed", chart.lit.has(Number(key.dataset.key)));
    }
  }

  function light(key) {
    const level = Number(key.dataset.key);
    if (!chart.lit.delete(level)) chart.lit.add(level);
    count();
    draw();
  }

  function resize() {
    if (!chart.points) return;
    const { clientWidth: width, clientHeight: height } = chart.frame;
    if (!width || !height) return;
    chart.ratio = Math.min(2, window.devicePixelRatio || 1);
    Object.assign(chart.canvas, { width: Math.round(width * chart.ratio), height: Math.round(height * chart.ratio) });
    chart.camera.frame(width, height, chart.points);
    paint(); // at once: a canvas that was given a size is empty
  }

  function draw() {
    chart.waiting ??= requestAnimationFrame(paint);
  }

  function paint() {
    if (chart.waiting) cancelAnimationFrame(chart.waiting);
    chart.waiting = null;
    if (!chart.points || !chart.frame.clientWidth) return;
    chart.look ??= shared.mapPaint.readLook(chart.frame);
    const levels = chart.paint ? chart.levels.get(chart.paint) : null;
    chart.painted = Boolean(levels);
    chart.colourOf = levels ? (row) => chart.look.levels[levels[row]] : (row) => chart.look.topics[chart.points.topic[row]];
    // What is like most works lies below what stands out.
    const step = (rows, far) => rows.filter((row) => Math.abs(levels[row] - 2) === far);
    chart.inOrder = levels ? (rows) => [0, 1, 2].flatMap((far) => Array.from(step(rows, far))) : null;
    const start = performance.now();
    shared.mapPaint.draw(chart);
    chart.took = performance.now() - start;
    chart.canvas.style.touchAction = chart.camera.zoom > 1.01 ? "none" : "pan-y";
    window.clearTimeout(chart.resting);
    chart.resting = window.setTimeout(rest, 180);
  }

  // Once the map stands still: titles that are missing, and the list of what is in view.
  function rest() {
    if (!chart.points) return;
    chart.isMoving = false;
    if (chart.wanted?.length) tell(chart.wanted).then((news) => news && draw()).catch(() => {});
    listWorks();
  }

  function fit() {
    const { camera, points } = chart;
    const rows = [];
    for (let row = 0; row < points.n; row++) if (chart.counts[row]) rows.push(row);
    fly(rows.length && rows.length < points.n ? camera.around(rows, points) : { x: 0, y: 0, zoom: 1 });
  }

  function glide(times) {
    const { camera } = chart;
    fly({ x: camera.x, y: camera.y, zoom: camera.zoom * times });
  }

  // Move the camera there, at once for those who want no motion.
  function fly(target) {
    const { camera } = chart;
    const from = { x: camera.x, y: camera.y, zoom: camera.zoom };
    const zoom = Math.min(camera.most, Math.max(1, target.zoom));
    const start = performance.now();
    const flight = (chart.flight = {});
    const move = (now) => {
      if (chart.flight !== flight) return;
      const share = calm.matches ? 1 : Math.min(1, Math.max(0, (now - start) / 260));
      const eased = 1 - (1 - share) ** 3;
      camera.x = from.x + (target.x - from.x) * eased;
      camera.y = from.y + (target.y - from.y) * eased;
      camera.zoom = from.zoom * (zoom / from.zoom) ** eased;
      camera.hold();
      chart.isMoving = share < 1;
      if (!chart.pinned) hideCard();
      paint();
      if (chart.pinned && chart.hovered >= 0) showCard(chart.hovered);
      if (share < 1) requestAnimationFrame(move);
    };
    move(start);
  }

  // From work to work by arrow: the next in that direction, those straight ahead before those aside.
  function step(name) {
    const [dx, dy] = ARROWS[name];
    const { camera, points } = chart;
    const has = chart.cursor >= 0 && chart.counts[chart.cursor];
    const [x, y] = has
      ? [camera.toX(points.x[chart.cursor]), camera.toY(points.y[chart.cursor])]
      : [camera.width / 2, camera.height / 2];
    let [best, least] = [-1, Infinity];
    for (let row = 0; row < points.n; row++) {
      if (!chart.counts[row] || row === chart.cursor) continue;
      const [right, down] = [camera.toX(points.x[row]) - x, camera.toY(points.y[row]) - y];
      const ahead = has ? right * dx + down * dy : Math.hypot(right, down);
      const aside = has ? Math.abs(right * dy) + Math.abs(down * dx) : 0;
      if (ahead <= 0 || aside > 1.5 * ahead + 1) continue;
      const far = ahead + 2 * aside;
      if (far < least) [best, least] = [row, far];
    }
    if (best < 0) return;
    chart.cursor = best;
    const [atX, atY] = [camera.toX(points.x[best]), camera.toY(points.y[best])];
    const rim = 48;
    if (atX < rim || atY < rim || atX > camera.width - rim || atY > camera.height - rim) {
      fly({ x: points.x[best], y: points.y[best], zoom: camera.zoom });
    }
    point(best, true);
    said(best);
  }
})();
