// Brings the page of a work to life: the arc's reading line, copying, the keys for the works before and after,
// and the name of the work in the title of the page. Without it all texts and links are there.
(() => {
  const NAME = "LexiMind";

  document.addEventListener("lm:arrived", ({ detail: { element } }) => {
    for (const figure of element.querySelectorAll(".lm-arc:not([data-alive])")) enliven(figure);
    const stage = element.querySelector('.lm-stage[data-tab="discover"]');
    if (stage) {
      sizes.disconnect();
      sizes.observe(stage);
      rename();
    }
  });

  // The title follows what can be seen: a page that is left for another tab loses its size.
  const sizes = new ResizeObserver(rename);
  function rename() {
    const title = document.querySelector('.lm-stage[data-showing^="work "] .lm-work h2');
    document.title = title?.checkVisibility() ? `${title.textContent.trim()} - ${NAME}` : NAME;
  }

  // Paper is white: a page in the dark is printed by day.
  let isDark = false;
  function print(starts) {
    isDark ||= starts && document.body.classList.contains("dark");
    if (isDark) document.body.classList.toggle("dark", !starts);
    isDark &&= starts;
  }
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  window.matchMedia("print").addEventListener("change", (event) => print(event.matches));

  // The arc ----------------------------------------------------------------------------------------------

  function enliven(figure) {
    figure.dataset.alive = "";
    const plot = figure.querySelector(".lm-arc-plot");
    const curves = [...plot.querySelectorAll("polyline")].map((line) => ({
      name: line.dataset.name,
      values: line.dataset.values.split(" ").map(Number),
      heights: line.getAttribute("points").split(" ").map((point) => Number(point.split(",")[1])),
    }));
    const height = plot.querySelector("svg").viewBox.baseVal.height;
    const last = curves[0].values.length - 1;
    const share = (at) => Math.round((100 * at) / last);
    const place = (at) => (at === 0 ? "the beginning" : at === last ? "the end" : `${share(at)}% of the ${figure.dataset.what}`);
    const percent = (value) => (value > 0 && value < 0.005 ? "<1%" : `${Math.round(100 * value)}%`);

    const reader = make("div", "lm-arc-reader", plot);
    const line = make("div", "lm-arc-rule", reader);
    const dots = curves.map((_, number) => make("span", `lm-arc-dot lm-series-${number}`, line));
    const note = make("div", "lm-arc-note", line);
    const where = make("strong", "", note);
    const rows = curves.map(({ name }, number) => {
      const row = make("span", `lm-arc-value lm-series-${number}`, note);
      row.append(name);
      return make("b", "", row);
    });
    let at = Math.round(last / 2);

    Object.assign(reader, { tabIndex: 0, role: "slider", ariaLabel: `Place in the ${figure.dataset.what}` });
    Object.assign(reader, { ariaValueMin: "0", ariaValueMax: "100" });

    function read(next) {
      at = Math.min(last, Math.max(0, next));
      const told = curves.map(({ name, values }) => `${name} ${percent(values[at])}`);
      where.textContent = place(at);
      curves.forEach(({ values, heights }, number) => {
        rows[number].textContent = percent(values[at]);
        dots[number].style.top = `${(100 * heights[at]) / height}%`;
      });
      line.style.left = `${(100 * at) / last}%`;
      line.classList.toggle("lm-past", at > last / 2);
      reader.ariaValueNow = String(share(at));
      reader.ariaValueText = `${place(at)}: ${told.join(", ")}`;
    }
    const show = (is) => reader.classList.toggle("lm-reading", is);
    const under = (event) => {
      const box = reader.getBoundingClientRect();
      return Math.round(((event.clientX - box.left) / box.width) * last);
    };
    // Where the keyboard stands the line stays; a finger that is lifted leaves it for reading.
    let kept = at;
    reader.addEventListener("pointermove", (event) => (read(under(event)), show(true)));
    reader.addEventListener("pointerdown", (event) => (read((kept = under(event))), show(true)));
    reader.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "mouse") return;
      show(document.activeElement === reader);
      read(kept);
    });
    reader.addEventListener("focus", () => show(true));
    reader.addEventListener("blur", () => show(false));
    const leap = Math.max(1, Math.round(last / 10));
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: leap, PageDown: -leap, Home: -last, End: last };
    reader.addEventListener("keydown", (event) => {
      if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      read(at + steps[event.key]);
      kept = at;
    });
    read(at);
  }

  function make(tag, className, parent) {
    const element = document.createElement(tag);
    element.className = className;
    parent.append(element);
    return element;
  }

  // Copying ----------------------------------------------------------------------------------------------

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy], [data-copy-link]");
    if (!button) return;
    const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : null;
    const text = source ? source.textContent : new URL(button.dataset.copyLink, location.origin + location.pathname).href;
    const said = button.closest("[data-copies]").querySelector('[role="status"]');
    try {
      await navigator.clipboard.writeText(text);
      say(said, button.dataset.copied);
    } catch {
      // Not a secure context, or not allowed: the text is there to be copied by hand.
      if (source) getSelection().selectAllChildren(source);
      say(said, source ? "The browser does not let us copy. The text is selected: press Ctrl or ⌘ and C." : text, true);
    }
  });

  // Emptied first, so that the same words are announced a second time too.
  let leaving = 0;
  function say(region, words, stays = false) {
    window.clearTimeout(leaving);
    region.textContent = "";
    window.setTimeout(() => (region.textContent = words), 50);
    if (!stays) leaving = window.setTimeout(() => (region.textContent = ""), 6000);
  }

  // Before and after -------------------------------------------------------------------------------------

  const OCCUPIED = 'input, select, textarea, summary, dialog, pre, [contenteditable], [role="tab"], [role="slider"], [role="region"]';
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.target.closest?.(OCCUPIED)) return;
    // Where the page is wider than the window, the arrows move it.
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) return;
    const link = document.querySelector(`.lm-walk [aria-keyshortcuts="${CSS.escape(event.key)}"]`);
    if (!link?.checkVisibility()) return;
    event.preventDefault();
    link.click();
  });
})();
