// Hands on the map: mouse, touch and keyboard.
(() => {
  const shared = (window.lexiMind ??= {});
  const REACH = { mouse: 12, pen: 14, touch: 24 };

  shared.steerMap = (chart, { draw, point, open, fit, glide, step, hideCard, said }) => {
    const { canvas, camera } = chart;
    const held = new Map();
    let moved = false;
    let tapped = { at: 0, x: 0, y: 0 };

    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };

    function find(at, type) {
      if (!chart.points) return -1;
      const reach = REACH[type] ?? REACH.mouse;
      const [dx, dy] = [reach / (camera.scaleX * camera.zoom), reach / (camera.scaleY * camera.zoom)];
      return chart.points.near(camera.fromX(at.x), camera.fromY(at.y), dx, dy, (row) => chart.counts[row]);
    }

    function shift(change) {
      chart.flight = null;
      chart.isMoving = true;
      change();
      hideCard();
      draw();
    }

    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held.set(event.pointerId, place(event));
      if (held.size === 1) moved = false;
      canvas.setPointerCapture(event.pointerId);
    });

    canvas.addEventListener("pointermove", (event) => {
      const at = place(event);
      const before = held.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== "touch") {
          const row = find(at, event.pointerType);
          canvas.style.cursor = row < 0 ? "" : "pointer";
          if (!chart.pinned || row >= 0) point(row);
        }
        return;
      }
      if (held.size === 1) {
        if (!moved && Math.hypot(at.x - before.x, at.y - before.y) < (event.pointerType === "touch" ? 8 : 4)) return;
        moved = true;
        canvas.classList.add("lm-map-held");
        shift(() => camera.move(at.x - before.x, at.y - before.y));
      } else if (held.size === 2) {
        moved = true;
        const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, spot]) => spot);
        const times = Math.hypot(at.x - other.x, at.y - other.y) / Math.max(8, Math.hypot(before.x - other.x, before.y - other.y));
        shift(() => {
          camera.move((at.x - before.x) / 2, (at.y - before.y) / 2);
          camera.magnify(times, (at.x + other.x) / 2, (at.y + other.y) / 2);
        });
      }
      held.set(event.pointerId, at);
    });

    canvas.addEventListener("pointerup", (event) => {
      const isOurs = held.delete(event.pointerId);
      if (!held.size) canvas.classList.remove("lm-map-held");
      if (!isOurs || moved || held.size) return;
      const at = place(event);
      const row = find(at, event.pointerType);
      if (event.pointerType !== "touch") {
        if (row >= 0) open(row);
        return;
      }
      // A finger has no hover: the first tap tells, the card's own link opens; two taps on nothing come closer.
      const isDouble = event.timeStamp - tapped.at < 320 && Math.hypot(at.x - tapped.x, at.y - tapped.y) < 30;
      tapped = { at: event.timeStamp, ...at };
      if (isDouble && row < 0) shift(() => camera.magnify(2, at.x, at.y));
      else point(row, row >= 0);
    });

    for (const name of ["pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => {
        held.delete(event.pointerId);
        canvas.classList.remove("lm-map-held");
      });
    }
    canvas.addEventListener("pointerleave", () => chart.pinned || point(-1));
    canvas.addEventListener("dblclick", (event) => {
      const at = place(event);
      if (find(at, "mouse") < 0) shift(() => camera.magnify(2, at.x, at.y));
    });

    canvas.addEventListener(
      "wheel",
      (event) => {
        // Seen as a whole, scrolling on moves the page and not the map.
        if (event.deltaY > 0 && camera.zoom <= 1 && !event.ctrlKey) return;
        event.preventDefault();
        const { x, y } = place(event);
        const lines = event.deltaMode ? 24 : 1;
        shift(() => camera.magnify(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), x, y));
      },
      { passive: false },
    );

    canvas.addEventListener("keydown", (event) => {
      if (!chart.points || event.ctrlKey || event.metaKey || event.altKey) return;
      const { key } = event;
      if (key.startsWith("Arrow") && event.shiftKey) {
        const by = 80;
        const sides = { ArrowLeft: [by, 0], ArrowRight: [-by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] };
        shift(() => camera.move(...sides[key]));
      } else if (key.startsWith("Arrow")) step(key);
      else if (key === "+" || key === "=") glide(2);
      else if (key === "-" || key === "_") glide(0.5);
      else if (key === "0" || key === "Home") fit();
      else if (key === "Enter" && chart.cursor >= 0) open(chart.cursor);
      else if (key === "Escape") {
        chart.cursor = -1;
        hideCard();
        draw();
      } else return;
      event.preventDefault();
    });
    canvas.addEventListener("focus", () => chart.cursor >= 0 && said(chart.cursor));
    canvas.addEventListener("blur", () => {
      chart.cursor = -1;
      draw();
    });
  };
})();
