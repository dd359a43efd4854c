// The filters of Discover: native controls, whose state goes into the address. An answer replaces them, so
// what was asked for but not answered yet, the focus, open parts and the scroll position are put back.
(() => {
  const wide = window.matchMedia("(min-width: 900px)");
  const wanted = new Map(); // parameter -> value that was chosen and not yet answered
  const opened = new Map(); // id of a <details> -> whether it is open, where the visitor has said so
  let focused = "";
  let scrolled = 0;
  let waiting = 0;
  const filters = () => document.querySelector(".lm-filters");
  const all = (selector) => [...(filters()?.querySelectorAll(selector) ?? [])];

  const STEPS = { "-2": "much less", "-1": "less", 0: "as it comes", 1: "more", 2: "much more" };
  const sorted = (value) => value.split(",").sort().join(",");
  const year = (number) => (number < 0 ? `${-number} BC` : String(number));

  function describe(field) {
    if (field.dataset.mood) {
      field.setAttribute("aria-valuetext", STEPS[field.value]);
      field.closest(".lm-mood").classList.toggle("lm-on", field.value !== "0");
    } else if (field.dataset.century) {
      const isFrom = field.dataset.century === "from";
      field.setAttribute("aria-valuetext", isFrom ? `from ${year(field.value * 100)}` : `to ${year(field.value * 100 + 99)}`);
    }
  }

  // What the controls of a parameter say, as it stands in an address.
  function read(param) {
    if (param === "mood") {
      return all("[data-mood]").filter((field) => field.value !== "0").map((field) => `${field.dataset.mood}:${field.value}`).join(",");
    }
    return all(`[data-param="${param}"]:checked`).map((field) => field.value).filter(Boolean).join(",");
  }

  function write(param, value) {
    const parts = value.split(",");
    if (param === "mood") {
      const weights = new Map(parts.map((part) => part.split(":")));
      for (const field of all("[data-mood]")) {
        field.value = weights.get(field.dataset.mood) ?? "0";
        describe(field);
      }
    } else if (param === "from" || param === "to") {
      const field = all(`[data-century="${param}"]`)[0];
      if (field) {
        field.value = value ? Math.floor(value / 100) : param === "from" ? field.min : field.max;
        describe(field);
      }
    } else {
      for (const field of all(`[data-param="${param}"]`)) field.checked = parts.includes(field.value);
    }
  }

  function want(changes, delay = 0) {
    for (const [param, value] of Object.entries(changes)) wanted.set(param, value);
    window.clearTimeout(waiting);
    waiting = window.setTimeout(ask, delay);
  }

  function ask() {
    window.clearTimeout(waiting);
    waiting = 0;
    window.lexiMind.change(Object.fromEntries(wanted));
  }

  // The two ends of the years may meet but not cross; an end at the edge asks for nothing.
  function readCentury(field) {
    const [from, to] = ["from", "to"].map((end) => all(`[data-century="${end}"]`)[0]);
    if (Number(from.value) > Number(to.value)) field.value = field === from ? to.value : from.value;
    describe(field);
    if (field === from) return { from: from.value === from.min ? "" : String(from.value * 100) };
    return { to: to.value === to.max ? "" : String(to.value * 100 + 99) };
  }

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.closest?.(".lm-filters")) return;
    if (field.dataset.mood) describe(field);
    if (field.dataset.century) readCentury(field);
  });

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.id === "lm-sort") {
      window.lexiMind.change({ sort: field.value });
      return;
    }
    if (!field.closest?.(".lm-filters")) return;
    const param = field.dataset.param;
    // A slider moved by key changes with each press: the address follows when the hand rests.
    if (field.dataset.mood) {
      want({ mood: read("mood") }, 220);
    } else if (field.dataset.century) {
      want(readCentury(field), 220);
    } else if (param === "feel" || param === "not") {
      const other = document.getElementById(`lm-${param === "feel" ? "not" : "feel"}-${field.value}`);
      if (field.checked && other) other.checked = false;
      want({ feel: read("feel"), not: read("not") });
    } else if (param) {
      want({ [param]: read(param) });
    }
  });

  document.addEventListener("focusin", (event) => {
    focused = event.target.closest?.(".lm-filters, .lm-sort") ? event.target.id : "";
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest?.(".lm-filters, .lm-sort")) focused = "";
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.('a[href^="?"]')) wanted.clear();
    const closer = event.target.closest?.("[data-close]");
    if (!closer) return;
    const sheet = document.getElementById(closer.dataset.close);
    opened.set(sheet.id, false);
    sheet.open = false;
    sheet.querySelector("summary").focus();
    document.querySelector(".lm-results")?.scrollIntoView({ block: "start" });
  });

  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.id === "lm-sheet" && wide.matches) return;
      if (event.target.closest?.(".lm-sheet")) opened.set(event.target.id, event.target.open);
    },
    true,
  );

  document.addEventListener(
    "scroll",
    (event) => {
      if (event.target.classList?.contains("lm-filters") && event.target.isConnected) scrolled = event.target.scrollTop;
    },
    true,
  );

  function openSheet() {
    const sheet = document.getElementById("lm-sheet");
    if (sheet) sheet.open = wide.matches || (opened.get("lm-sheet") ?? false);
  }
  wide.addEventListener("change", openSheet);

  document.addEventListener("lm:arrived", (event) => {
    const { element, tab } = event.detail;
    if (tab !== "discover" || !element.querySelector(".lm-filters")) return;
    openSheet();
    for (const [id, isOpen] of opened) {
      const part = document.getElementById(id);
      if (part && id !== "lm-sheet") part.open = isOpen;
    }
    const answered = new URLSearchParams(element.querySelector(".lm-stage").dataset.search);
    for (const [param, value] of wanted) {
      if (sorted(answered.get(param) ?? "") === sorted(value)) wanted.delete(param);
      else write(param, value);
    }
    filters().scrollTop = scrolled;
    if (focused && document.activeElement === document.body) {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
    const told = document.getElementById("lm-told");
    const sentence = element.querySelector("[data-tell]")?.textContent ?? "";
    if (told && told.textContent !== sentence) told.textContent = sentence;
  });
})();
