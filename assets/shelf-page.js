// The Shelf's own script. It runs after app.js in the same component, which also hands in `server`: the
// functions of leximind/ui/shelf.py. What only the browser knows (days, notes, lost titles) is painted here.
{
  const shelf = window.lexiMind.shelf;
  const UNDO_MS = 8000;
  const MAX_FILE = 3_000_000;
  const part = (name) => element.querySelector(`[data-part="${name}"]`);
  const isOpen = () => window.lexiMind.state.at === "shelf";
  const itemOf = (id) => element.querySelector(`.lm-kept[data-id="${CSS.escape(id)}"]`);
  let takeBack = null; // undoes the last import or clearing
  let drawn = ""; // the ids that the page was painted for
  let asked = 0;

  function make(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // from our own templates, which escape
    return template.content;
  }

  function paint() {
    const facts = {};
    for (const item of element.querySelectorAll(".lm-kept")) {
      const entry = shelf.get(item.dataset.id);
      if (!entry) continue;
      if (item.dataset.facts) facts[entry.id] = JSON.parse(item.dataset.facts);
      const note = item.querySelector(".lm-own-note");
      if (note && note !== document.activeElement) note.value = entry.note;
      const day = item.querySelector("time");
      if (entry.saved) {
        day.dateTime = entry.saved;
        day.textContent = new Date(entry.saved).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
      }
      const title = item.querySelector(".lm-lost-title");
      if (!title) continue;
      title.textContent = entry.title || entry.id;
      item.querySelector(".lm-lost-authors").textContent = entry.authors.join(", ");
      item.querySelector("button").setAttribute("aria-label", `Remove ${entry.title || entry.id}`);
    }
    shelf.amend(facts);
    drawn = shelf.ids().join(" ");
    if (!shelf.isKept() && !part("told")?.childNodes.length) tell("This browser does not keep your shelf: its storage is full or switched off. The shelf is gone when you close the page, so export it.");
  }

  function tell(...content) {
    part("told")?.replaceChildren(...content.map((piece) => {
      if (piece instanceof Node) return piece;
      const line = document.createElement("p");
      line.className = "lm-note";
      line.textContent = piece;
      return line;
    }));
  }

  function tellUndo(text) {
    const line = make('<p class="lm-note lm-undo"><span></span> <button type="button" class="lm-plain-button" data-do="undo">Undo</button></p>');
    line.querySelector("span").textContent = text;
    tell(line);
  }

  async function ask(name, told) {
    try {
      return await server[name]({ saved: shelf.ids(), ...told });
    } catch {
      shelf.say("The server did not answer. Please try again in a moment.");
      return null;
    }
  }

  // The page for the shelf as it is now. What was told stays; the recommendations stay where a work was just
  // saved from among them; focus and place in the page stay too.
  async function refresh({ keepGoes = false } = {}) {
    const stage = element.querySelector(".lm-stage");
    const number = ++asked;
    const html = await ask("draw_shelf", { search: stage.dataset.search });
    const fresh = html && make(html).querySelector(".lm-stage");
    if (!fresh || number !== asked || stage !== element.querySelector(".lm-stage")) return;
    const focused = element.contains(document.activeElement) ? whereabouts(document.activeElement) : null;
    const anchor = keepGoes && part("goes");
    const top = anchor ? anchor.getBoundingClientRect().top : 0;
    for (const name of ["told", ...(keepGoes ? ["goes"] : [])]) {
      const kept = part(name);
      if (kept) fresh.querySelector(`[data-part="${name}"]`)?.replaceWith(kept);
    }
    stage.dataset.search = fresh.dataset.search;
    stage.replaceChildren(...fresh.childNodes);
    arrive();
    if (anchor?.isConnected) window.scrollBy({ top: anchor.getBoundingClientRect().top - top, behavior: "instant" });
    if (focused) element.querySelector(focused)?.focus({ preventScroll: true });
  }

  const arrive = () => document.dispatchEvent(new CustomEvent("lm:arrived", { detail: { element, tab: "shelf" } }));

  function whereabouts(node) {
    if (node.dataset.save) return `.lm-save[data-save="${CSS.escape(node.dataset.save)}"]`;
    const within = node.closest("[data-id]");
    const place = within ? `[data-id="${CSS.escape(within.dataset.id)}"] ` : "";
    if (node.dataset.do) return `${place}[data-do="${node.dataset.do}"]${node.dataset.form ? `[data-form="${node.dataset.form}"]` : ""}`;
    return node.classList.length ? `${place}.${CSS.escape(node.classList[0])}` : null;
  }

  // The entry makes way for a line with Undo; it goes after a while in which nobody is at it.
  function remove(id, byKeyboard) {
    const item = itemOf(id);
    const earlier = shelf.entries();
    const title = shelf.get(id)?.title || id;
    shelf.remove(id);
    const line = make('<li class="lm-removed" tabindex="-1"><span role="status"></span> <button type="button" class="lm-plain-button">Undo</button></li>').firstChild;
    line.querySelector("span").textContent = `Removed “${title}”.`;
    item.replaceWith(line);
    if (byKeyboard) line.querySelector("button").focus();
    let timer = 0;
    const leave = () => {
      line.remove();
      if (!element.querySelector(".lm-removed")) refresh();
    };
    const wait = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => (line.matches(":hover, :focus-within") ? wait() : leave()), UNDO_MS);
    };
    line.querySelector("button").addEventListener("click", () => {
      window.clearTimeout(timer);
      const place = earlier.findIndex((other) => other.id === id);
      const after = new Set(earlier.slice(place + 1).map((other) => other.id));
      const now = shelf.entries().filter((other) => other.id !== id);
      const next = now.findIndex((other) => after.has(other.id));
      now.splice(next < 0 ? now.length : next, 0, earlier[place]);
      shelf.replace(now);
      line.replaceWith(item);
      item.querySelector('[data-do="remove"]').focus();
    });
    wait();
  }

  async function save(form) {
    const file = await ask("export_shelf", { form, entries: shelf.entries() });
    if (!file) return;
    if (file.html) {
      tell(make(file.html));
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file.text], { type: `${file.type};charset=utf-8` }));
    link.download = `leximind-shelf-${new Date().toISOString().slice(0, 10)}.${file.suffix}`;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async function bring(field) {
    const file = field.files[0];
    field.value = "";
    if (!file) return;
    if (file.size > MAX_FILE) {
      tell(`“${file.name}” is larger than ${MAX_FILE / 1_000_000} MB. Split it, or export fewer columns.`);
      return;
    }
    const found = await ask("import_list", { name: file.name, text: decode(await file.arrayBuffer()) });
    if (!found) return;
    if (found.entries?.length) {
      const there = new Set(shelf.ids());
      shelf.add(found.entries, "import");
      const added = new Set(shelf.ids().filter((id) => !there.has(id)));
      takeBack = () => shelf.replace(shelf.entries().filter((entry) => !added.has(entry.id)));
      await refresh();
    }
    tell(make(found.html));
    part("told").querySelector("h3")?.focus();
  }

  // Spreadsheets still write tables in the Windows encoding.
  function decode(bytes) {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return new TextDecoder("windows-1252").decode(bytes);
    }
  }

  async function more(button) {
    const list = part("goes").querySelector("ol");
    const shown = [...list.querySelectorAll("[data-work]")].map((link) => link.dataset.work);
    const html = await ask("recommend_more", { shown });
    if (html === null) return;
    const cards = [...make(html).querySelectorAll("li.lm-card")];
    const first = cards[0];
    list.append(...cards);
    arrive();
    if (cards.length < 12) button.replaceWith("That is all that goes with them.");
    first?.querySelector("a.lm-title")?.focus();
  }

  async function undo() {
    takeBack?.();
    takeBack = null;
    tell();
    await refresh();
    element.querySelector("h2")?.focus();
  }

  async function clear() {
    const earlier = shelf.entries();
    takeBack = () => shelf.replace([...shelf.entries().filter(({ id }) => !earlier.some((entry) => entry.id === id)), ...earlier]);
    shelf.clear();
    await refresh();
    tellUndo(`Took ${earlier.length === 1 ? "one work" : `${earlier.length} works`} off the shelf.`);
    part("told").querySelector("button").focus();
  }

  element.addEventListener("click", (event) => {
    const control = event.target.closest?.("[data-do]");
    if (!control) return;
    const acts = {
      remove: () => remove(control.closest("[data-id]").dataset.id, event.detail === 0),
      export: () => save(control.dataset.form),
      more: () => more(control),
      undo,
      dismiss: () => tell(),
      ask: () => element.querySelector("dialog").showModal(),
      keep: () => element.querySelector("dialog").close(),
      clear: () => {
        element.querySelector("dialog").close();
        clear();
      },
      down: () => {
        event.preventDefault();
        part("goes").querySelector("h3").focus();
        part("goes").scrollIntoView();
      },
    };
    acts[control.dataset.do]?.();
  });

  element.addEventListener("change", (event) => {
    if (event.target.dataset.do === "import") bring(event.target);
  });

  element.addEventListener("input", (event) => {
    if (!event.target.matches(".lm-own-note")) return;
    const { id } = event.target.closest("[data-id]").dataset;
    shelf.amend({ [id]: { note: event.target.value } }, "note");
  });

  // The server knows nothing of the shelf until the browser tells, so its first answer is an empty frame.
  function open() {
    const isOpening = () => element.querySelector(".lm-shelf-opening") && isOpen();
    if (isOpening()) {
      window.setTimeout(() => window.lexiMind.go(element.querySelector(".lm-stage").dataset.search, "again"));
      window.setTimeout(() => isOpening() && refresh(), 3000); // a question asked too early may be lost
    } else {
      paint();
    }
  }

  document.addEventListener("lm:arrived", (event) => event.detail.element === element && open());

  document.addEventListener("lm:shelf", (event) => {
    if (!isOpen() || !element.isConnected) return;
    if (event.detail.cause === "toggle") refresh({ keepGoes: true });
    if (event.detail.cause !== "elsewhere") return;
    if (shelf.ids().join(" ") === drawn) paint();
    else refresh();
  });

  open();
}
