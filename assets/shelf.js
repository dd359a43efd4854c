// The visitor's shelf: works saved in this browser and nowhere else. An entry is
// { id, saved, title, authors, year, kind, url, note }; all but the id may be missing.
(() => {
  const KEY = "leximind.shelf";
  const MOST = 1000;
  const words = (text, most = 500) => (typeof text === "string" ? text.slice(0, most) : "");

  // Whatever stands there: another version of the page, another page of this host, or a person may have written it.
  function tidy(kept) {
    const found = new Map();
    for (const entry of Array.isArray(kept) ? kept : []) {
      if (typeof entry?.id !== "string" || !entry.id || entry.id.length > 300 || found.has(entry.id)) continue;
      if (found.size === MOST) break;
      const authors = Array.isArray(entry.authors) ? entry.authors.slice(0, 50).map((name) => words(name, 200)).filter(Boolean) : [];
      found.set(entry.id, {
        id: entry.id,
        saved: Number.isNaN(Date.parse(entry.saved)) ? "" : words(entry.saved, 40),
        title: words(entry.title),
        authors,
        year: Number.isInteger(entry.year) ? entry.year : null,
        kind: words(entry.kind, 20),
        url: words(entry.url, 2000),
        note: words(entry.note),
      });
    }
    return [...found.values()];
  }

  function read() {
    try {
      return tidy(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
    } catch {
      return [];
    }
  }

  // Where the browser keeps nothing, the shelf lasts as long as the page does.
  let isKept = true;
  let entries = read();
  const current = () => (isKept ? read() : entries);

  function write(changed, cause) {
    entries = changed;
    try {
      localStorage.setItem(KEY, JSON.stringify(entries));
      isKept = true;
    } catch {
      if (isKept) say("This browser does not keep your shelf: it is full or private. Export the shelf before you close the page.");
      isKept = false;
    }
    tell(cause);
  }

  function tell(cause) {
    paint(document);
    document.dispatchEvent(new CustomEvent("lm:shelf", { detail: { ids: shelf.ids(), cause } }));
  }

  function paint(root) {
    const ids = new Set(shelf.ids());
    for (const button of root.querySelectorAll(".lm-save")) {
      const saved = ids.has(button.dataset.save);
      button.setAttribute("aria-pressed", String(saved));
      button.querySelector(".lm-save-word")?.replaceChildren(saved ? "Saved" : "Save");
    }
    // Gradio owns the tab's content, so the number is an attribute that the style sheet writes.
    for (const tab of document.querySelectorAll("#lm-tabs .tab-wrapper button")) {
      if (tab.textContent.trim() !== "Shelf") continue;
      if (ids.size) tab.dataset.count = ids.size;
      else delete tab.dataset.count;
      tab.setAttribute("aria-label", ids.size ? `Shelf ${ids.size} saved` : "Shelf");
    }
  }

  // One line at the foot of the page, for what no part of it can say.
  function say(text) {
    const told = document.querySelector(".lm-say") ?? document.body.appendChild(document.createElement("p"));
    told.className = "lm-say";
    told.setAttribute("role", "status");
    told.textContent = text;
    window.clearTimeout(say.timer);
    say.timer = window.setTimeout(() => told.remove(), 9000);
  }

  // What a card or a page says of its work, for the day when the library has it no longer.
  function describe(button) {
    const place = button.closest(".lm-card, .lm-kept, .lm-work");
    const text = (selector) => place?.querySelector(selector)?.textContent.trim() ?? "";
    const title = text(".lm-title, h2") || button.querySelector(".lm-hidden")?.textContent.trim();
    return { title, authors: text(".lm-authors").split(/,\s+/).filter(Boolean) };
  }

  const shelf = {
    ids: () => entries.map((entry) => entry.id),
    entries: () => structuredClone(entries),
    has: (id) => entries.some((entry) => entry.id === id),
    get: (id) => entries.find((entry) => entry.id === id),
    isKept: () => isKept,
    add(added, cause = "add") {
      const before = current();
      const there = new Set(before.map((entry) => entry.id));
      const fresh = tidy(added).filter((entry) => !there.has(entry.id));
      const room = fresh.slice(0, Math.max(0, MOST - before.length));
      if (room.length < fresh.length) say(`The shelf is full: it holds ${MOST.toLocaleString("en")} works.`);
      if (room.length) write([...room, ...before], cause);
      return room.length;
    },
    remove(id, cause = "remove") {
      write(current().filter((entry) => entry.id !== id), cause);
    },
    toggle(id, facts = {}) {
      if (shelf.has(id)) shelf.remove(id, "toggle");
      else shelf.add([{ ...facts, id, saved: new Date().toISOString() }], "toggle");
    },
    clear: () => write([], "clear"),
    // Another list in place of this one, for an undo.
    replace: (changed) => write(tidy(changed), "undo"),
    // Facts of entries by id: a note, or what the library says of the works today.
    amend(facts, cause = "amend") {
      let changed = false;
      const amended = current().map((entry) => {
        const known = facts[entry.id];
        if (!known || Object.entries(known).every(([name, value]) => JSON.stringify(entry[name]) === JSON.stringify(value))) return entry;
        changed = true;
        return { ...entry, ...known };
      });
      if (changed) write(tidy(amended), cause);
    },
    paint,
    say,
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".lm-save");
    if (button) shelf.toggle(button.dataset.save, describe(button));
  });
  document.addEventListener("lm:arrived", (event) => paint(event.detail.element));
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY && event.key !== null) return;
    entries = read();
    tell("elsewhere");
  });

  (window.lexiMind ??= {}).shelf = shelf;
})();
