// What the map says in words: the card of a work, what is read aloud, and the list of what is in view.
(() => {
  const shared = (window.lexiMind ??= {});
  const LISTED = 40;

  shared.wordMap = (chart, draw) => {
    const part = (name) => chart.frame.querySelector(`.lm-map-${name}`);

    // What the server knows about some works, kept. Gives whether any of it is new.
    async function tell(rows) {
      const missing = [...rows].filter((row) => !chart.told.has(row) && !chart.asked.has(row)).slice(0, 120);
      if (missing.length) {
        const answer = chart.server.map_works(missing).then(keep).finally(() => missing.forEach((row) => chart.asked.delete(row)));
        for (const row of missing) chart.asked.set(row, answer);
      }
      const answers = new Set([...rows].map((row) => chart.asked.get(row)).filter(Boolean));
      await Promise.all(answers);
      return answers.size > 0;
    }

    function keep(works) {
      for (const work of works) {
        chart.told.set(work.row, work);
        chart.points.titles[work.row] ??= work.title;
      }
    }

    function findInView() {
      const { camera, points } = chart;
      const rows = [];
      for (let row = 0; row < points.n; row++) {
        if (!chart.counts[row]) continue;
        const [x, y] = [camera.toX(points.x[row]), camera.toY(points.y[row])];
        if (x >= 0 && y >= 0 && x <= camera.width && y <= camera.height) rows.push(row);
      }
      return rows;
    }

    // The map in words: links to the works in view, those that stand for their topic best first.
    async function listWorks() {
      const list = chart.map.querySelector(".lm-map-list");
      if (!chart.points || !list) return;
      const rows = findInView();
      list.querySelector("summary .lm-count").textContent = rows.length.toLocaleString("en");
      if (!list.open) return;
      const { rank } = chart.points;
      const shown = rows.sort((a, b) => rank[a] - rank[b]).slice(0, LISTED);
      await tell(shown).catch(() => false);
      const entries = shown.filter((row) => chart.told.has(row)).map((row) => {
        const [entry, link, kind] = ["li", "a", "span"].map((name) => document.createElement(name));
        const work = chart.told.get(row);
        link.href = work.href;
        link.textContent = work.title;
        kind.className = "lm-count";
        kind.textContent = chart.points.kind[row] ? "paper" : "book";
        entry.append(link, " ", kind);
        return entry;
      });
      if (list !== chart.map.querySelector(".lm-map-list")) return;
      list.querySelector("ol").replaceChildren(...entries);
      const more = list.querySelector(".lm-map-more");
      more.hidden = rows.length <= shown.length;
      more.querySelector("span").textContent = (rows.length - shown.length).toLocaleString("en");
    }

    // Show what is known about a work beside its point; a pinned card stays and can be clicked.
    function point(row, pinned = false) {
      if (row === chart.hovered && pinned === chart.pinned) return;
      Object.assign(chart, { hovered: row, pinned });
      draw();
      if (row < 0) {
        hideCard();
        return;
      }
      showCard(row);
      if (!chart.told.has(row)) {
        tell([row]).then(() => row === chart.hovered && showCard(row)).catch(() => {});
      }
    }

    function showCard(row) {
      const card = part("card");
      const work = chart.told.get(row);
      if (work) {
        card.innerHTML = work.card; // made and escaped by the server
      } else {
        card.textContent = chart.points.titles[row] ?? "…";
      }
      card.classList.toggle("lm-map-pinned", chart.pinned);
      card.hidden = false;
      const { camera, points } = chart;
      const [x, y] = [camera.toX(points.x[row]), camera.toY(points.y[row])];
      const [wide, high] = [card.offsetWidth, card.offsetHeight];
      const left = x + 18 + wide < camera.width ? x + 18 : x - 18 - wide;
      card.style.left = `${Math.max(8, Math.min(camera.width - wide - 8, left))}px`;
      const top = camera.width < 600 ? (y > camera.height / 2 ? 8 : camera.height - high - 8) : y - high / 2;
      card.style.top = `${Math.max(8, Math.min(camera.height - high - 8, top))}px`;
    }

    function hideCard() {
      Object.assign(chart, { hovered: -1, pinned: false });
      part("card").hidden = true;
    }

    async function open(row) {
      await tell([row]).catch(() => false);
      if (chart.told.has(row)) shared.go(chart.told.get(row).href);
    }

    // Read aloud where the keyboard has come to.
    async function said(row) {
      await tell([row]).catch(() => false);
      const work = chart.told.get(row);
      if (work && row === chart.cursor) part("said").textContent = work.spoken;
    }

    return { tell, findInView, listWorks, point, showCard, hideCard, open, said };
  };
})();
