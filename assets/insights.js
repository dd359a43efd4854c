// Insights: a table of counts is one stop of the Tab key, and arrow keys move inside it; the list of contents
// scrolls without changing the address. Without this script every link is simply a stop of its own.
(() => {
  const TABLE = '.lm-heat[role="grid"]';
  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  // The link that has or had the focus is the table's one stop.
  document.addEventListener("focusin", ({ target }) => {
    const table = target.matches("a") && target.closest(TABLE);
    if (table) for (const link of table.querySelectorAll("a")) link.tabIndex = link === target ? 0 : -1;
  });

  document.addEventListener("keydown", (event) => {
    const table = event.target.closest?.(TABLE);
    const step = STEPS[event.key];
    if (!table || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    let y = event.target.closest("tr").rowIndex;
    let x = event.target.closest("td, th").cellIndex;
    let cell;
    do {
      [y, x] = [y + step[0], x + step[1]];
      cell = table.rows[y]?.cells[x];
    } while (cell && !cell.querySelector("a")); // nothing to open there
    cell?.querySelector("a").focus();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#lm-in-"]');
    const heading = link && document.querySelector(link.getAttribute("href"));
    if (!heading) return;
    event.preventDefault();
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    heading.scrollIntoView({ behavior: isCalm ? "instant" : "smooth" });
    heading.focus({ preventScroll: true });
  });
})();
