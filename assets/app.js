// Runs once inside each of our gr.HTML components; Gradio hands in `element`, `trigger` and `watch`.
// An address such as ?q=sea&topic=History is the whole state: links, menus and forms carry addresses,
// Python answers with HTML, and the stage tells which address it shows.
const OWN = ["q", "kind", "topic", "feel", "not", "from", "to", "sort", "page", "work", "tab"];
const shared = (window.lexiMind ??= { ready: false, asked: "", scroll: {}, typing: 0, turn: 0, asking: null, next: null });
const stageOf = () => document.querySelector(".lm-stage");

// Leaving for a work or from another tab is a step the Back button undoes; a filter is not.
// One question at a time: what is asked meanwhile waits, and only the last of it is asked. (Gradio's own
// "always_last" repeats the data of the first event.) Each question has a number, so no two answers are equal.
function go(search, asked = "by hand") {
  if (shared.asking) {
    shared.next = () => go(search, asked);
    return;
  }
  const stage = stageOf();
  shared.asked = stage?.offsetParent === null && asked === "by hand" ? "from afar" : asked;
  if (stage?.dataset.showing === "list") shared.scroll[stage.dataset.search] = window.scrollY;
  stage?.setAttribute("aria-busy", "true");
  shared.asking = window.setTimeout(finish, 30000);
  shared.turn += 1;
  trigger("select", { search: typeof search === "function" ? search() : search, turn: shared.turn });
}

function finish() {
  window.clearTimeout(shared.asking);
  stageOf()?.removeAttribute("aria-busy");
  const next = shared.next;
  shared.asking = shared.next = null;
  next?.();
}

// Parameters that are not ours (Gradio's __theme, the Hub's) stay in the address.
function keepForeign(search) {
  const params = new URLSearchParams(search);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name.startsWith("__")) params.set(name, value);
  }
  const text = params.toString();
  return text ? `?${text}` : location.pathname;
}

// Gradio selects a tab on arrival too, before the answer to the visitor's address is there.
shared.enter = (tab) => {
  if (!shared.ready) return;
  const params = new URLSearchParams(tab === "discover" ? stageOf()?.dataset.search : { tab });
  if (tab === "discover") params.delete("tab");
  history.replaceState(null, "", keepForeign(`?${params}`));
};

// The address is made when it is asked for: an answer that comes in between may have changed the filters.
function change(changes) {
  go(() => {
    const params = new URLSearchParams(stageOf()?.dataset.search ?? "");
    for (const name of ["page", "work", "tab"]) params.delete(name);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    return `?${params}`;
  });
}

element.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="?"]');
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

element.addEventListener("change", (event) => {
  const field = event.target;
  if (field.dataset.go === "change") go(field.value);
  if (field.name === "from" || field.name === "to") change({ [field.name]: field.value.trim() });
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  window.clearTimeout(shared.typing);
  const query = event.target.querySelector('[name="q"]');
  if (query) change({ q: query.value.trim() });
});

element.addEventListener("input", (event) => {
  if (event.target.name !== "q") return;
  window.clearTimeout(shared.typing);
  shared.typing = window.setTimeout(() => {
    const query = event.target.value.trim();
    if (query !== (stageOf()?.dataset.query ?? "")) change({ q: query });
  }, 350);
});

if (element.querySelector(".lm-stage")) {
  const pageOf = (stage) => new URLSearchParams(stage.dataset.search).get("page");
  let showing = stageOf().dataset.showing;
  let page = pageOf(stageOf());

  // An address that asks for something else than the first page: do not flash that page before the answer.
  const settle = () => {
    element.classList.remove("lm-pending");
    shared.ready = true;
  };
  if (OWN.some((name) => new URLSearchParams(location.search).has(name))) {
    element.classList.add("lm-pending");
    window.setTimeout(settle, 4000);
  } else {
    settle();
  }

  watch("value", () => {
    settle();
    const stage = stageOf();
    const address = keepForeign(stage.dataset.search);
    const moved = stage.dataset.showing !== showing;
    const left = showing.startsWith("work ") ? showing.slice(5) : "";
    const push = shared.asked === "from afar" || (moved && shared.asked === "by hand");
    if (address !== location.search) history[push ? "pushState" : "replaceState"](null, "", address);

    // The browser keeps what was chosen by hand; the answer decides what stands there.
    for (const menu of stage.querySelectorAll("select")) {
      menu.selectedIndex = [...menu.options].findIndex((option) => option.defaultSelected);
    }
    for (const year of stage.querySelectorAll('input[type="number"]')) year.value = year.defaultValue;
    const query = document.getElementById("lm-query");
    if (query && document.activeElement !== query) query.value = stage.dataset.query;

    const turned = page !== pageOf(stage);
    if (moved || turned) {
      const top = stage.dataset.showing === "list" && left ? (shared.scroll[stage.dataset.search] ?? 0) : 0;
      window.scrollTo({ top, behavior: "instant" });
    }
    if (moved && shared.asked) {
      const card = left && stage.querySelector(`.lm-card a[data-work="${CSS.escape(left)}"]`);
      (card || stage.querySelector("h2"))?.focus({ preventScroll: true });
    }
    showing = stage.dataset.showing;
    page = pageOf(stage);
    shared.asked = "";
    finish();
  });

  window.addEventListener("popstate", () => go(location.search || "?", "back"));
}
