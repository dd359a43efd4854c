// Runs once inside each of our gr.HTML components; Gradio hands in `element`, `trigger` and `watch`.
// An address such as ?q=sea&topic=History is the whole state: links, menus and forms carry addresses,
// Python answers with HTML for the page that the address asks for, and that page tells its address.
const PAGES = ["discover", "map", "shelf"]; // the pages that follow the address
// Gradio makes anew whatever an answer may change, so a question that stays on its page has an event of its own.
const STAYS = { discover: "submit", map: "apply" };
const shared = (window.lexiMind ??= {});
shared.state ??= { ready: false, asked: "", at: "discover", scroll: {}, typing: 0, turn: 0, asking: null, next: null, going: "", seen: [] };
const state = shared.state;
const pageOf = (search) => new URLSearchParams(search).get("tab") ?? "discover";
const stageOf = (page = PAGES.includes(state.at) ? state.at : "discover") => document.querySelector(`.lm-stage[data-tab="${page}"]`);

// Leaving for a work or for another page is a step the Back button undoes; a filter is not.
// One question at a time: what is asked meanwhile waits, and only the last of it is asked. (Gradio's own
// "always_last" repeats the data of the first event.) Each question has a number, so no two answers are equal.
function go(search, asked = "by hand") {
  if (state.asking) {
    state.next = () => go(search, asked);
    return;
  }
  const text = typeof search === "function" ? search() : search;
  const stage = stageOf();
  if (stage?.dataset.showing === "list") state.scroll[stage.dataset.search] = window.scrollY;
  state.asked = asked === "by hand" && pageOf(text) !== state.at ? "from afar" : asked;
  stage?.setAttribute("aria-busy", "true");
  state.asking = window.setTimeout(finish, 30000);
  state.turn += 1;
  state.going = pageOf(text);
  const told = { search: text, turn: state.turn, saved: shared.shelf?.ids() ?? [], seen: state.seen };
  trigger(state.going === state.at ? (STAYS[state.at] ?? "select") : "select", told);
}

function finish() {
  window.clearTimeout(state.asking);
  for (const stage of document.querySelectorAll(".lm-stage")) stage.removeAttribute("aria-busy");
  const next = state.next;
  state.asking = state.next = null;
  next?.();
}

shared.go ??= go;

// Parameters that are not ours (Gradio's __theme, the Hub's) stay in the address.
function keepForeign(search) {
  const theirs = new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("__")));
  const text = [search.slice(1), theirs.toString()].filter(Boolean).join("&");
  return text ? `?${text}` : location.pathname;
}

// Gradio selects a tab by hand, by our answer, and once on arrival before the answer is there.
// A page that was not shown yet, or may have changed meanwhile (the shelf), is asked for.
shared.enter ??= (tab) => {
  const isFixed = !PAGES.includes(tab);
  if (!state.ready) {
    if (isFixed && tab === state.at) settle();
    return;
  }
  if (state.asking && tab === state.going) {
    if (isFixed) arriveFixed(tab);
    return;
  }
  if (tab === state.at) return;
  if (isFixed) {
    arriveFixed(tab);
  } else if (tab === "discover") {
    state.at = tab;
    history.pushState(null, "", keepForeign(stageOf(tab).dataset.search));
  } else {
    const carried = new URLSearchParams(tab === "map" ? stageOf("discover").dataset.search : "");
    for (const name of ["p", "work", "sort"]) carried.delete(name);
    carried.set("tab", tab);
    go(`?${carried}`);
  }
};

// Live and Insights have no address but their name.
function arriveFixed(tab) {
  if (state.asked !== "back") history.pushState(null, "", keepForeign(`?tab=${tab}`));
  state.at = tab;
  state.asked = "";
  window.scrollTo({ top: 0, behavior: "instant" });
  finish();
}

function settle() {
  document.documentElement.classList.remove("lm-pending");
  state.ready = true;
}

// The address is made when it is asked for: an answer that comes in between may have changed the filters.
function change(changes) {
  go(() => {
    const params = new URLSearchParams(stageOf()?.dataset.search ?? "");
    for (const name of ["p", "work"]) params.delete(name);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    return `?${params}`;
  });
}
shared.change ??= change;

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
  window.clearTimeout(state.typing);
  const query = event.target.querySelector('[name="q"]');
  if (query) change({ q: query.value.trim() });
});

element.addEventListener("input", (event) => {
  if (event.target.name !== "q") return;
  window.clearTimeout(state.typing);
  state.typing = window.setTimeout(() => {
    const query = event.target.value.trim();
    if (query !== (stageOf()?.dataset.query ?? "")) change({ q: query });
  }, 350);
});

if (element.querySelector(".lm-stage")) {
  const own = () => element.querySelector(".lm-stage");
  const page = own().dataset.tab;
  const turned = (stage) => new URLSearchParams(stage.dataset.search).get("p");
  let showing = own().dataset.showing;
  let number = turned(own());

  if (page === "discover") {
    // An address that asks for something else than the first page: do not flash that page before the answer.
    if ([...new URLSearchParams(location.search).keys()].some((name) => !name.startsWith("__"))) {
      document.documentElement.classList.add("lm-pending");
      window.setTimeout(settle, 4000);
    } else {
      settle();
    }
    state.at = pageOf(location.search);
    window.addEventListener("popstate", () => {
      // A jump to a heading of a page that has no address of its own asks for nothing.
      if (pageOf(location.search) !== state.at || PAGES.includes(state.at)) go(location.search || "?", "back");
    });
  }

  const arrive = () => {
    settle();
    const stage = own();
    const address = keepForeign(stage.dataset.search);
    const moved = state.at !== page || stage.dataset.showing !== showing;
    const left = showing.startsWith("work ") ? showing.slice(5) : "";
    const push = state.asked === "from afar" || (moved && state.asked === "by hand");
    if (address !== location.search) history[push ? "pushState" : "replaceState"](null, "", address);
    state.at = page;
    see(stage);

    // The browser keeps what was chosen by hand; the answer decides what stands there.
    for (const menu of stage.querySelectorAll("select")) {
      menu.selectedIndex = [...menu.options].findIndex((option) => option.defaultSelected);
    }
    for (const field of stage.querySelectorAll('input[type="number"], input[type="range"]')) field.value = field.defaultValue;
    for (const query of document.querySelectorAll('.lm-search [name="q"]')) {
      if (document.activeElement !== query) query.value = stage.dataset.query;
    }
    document.dispatchEvent(new CustomEvent("lm:arrived", { detail: { element, tab: page } }));

    if (moved || number !== turned(stage)) {
      const top = stage.dataset.showing === "list" && left ? (state.scroll[stage.dataset.search] ?? 0) : 0;
      window.scrollTo({ top, behavior: "instant" });
    }
    if (moved && state.asked) {
      const card = left && stage.querySelector(`.lm-card a[data-work="${CSS.escape(left)}"]`);
      (card || stage.querySelector("h2"))?.focus({ preventScroll: true });
    }
    showing = stage.dataset.showing;
    number = turned(stage);
    state.asked = "";
    finish();
  };
  watch("value", arrive);

  // Gradio makes a tab when it is first opened: by our own answer, which is in place before anybody watches.
  const isAwaited = state.asking ? state.going === page : !state.ready && pageOf(location.search) === page;
  if (page !== "discover" && isAwaited && own().childElementCount) {
    arrive();
  } else {
    see(own());
    document.dispatchEvent(new CustomEvent("lm:arrived", { detail: { element, tab: page } }));
  }
} else {
  // Pages without an address of their own draw cards too.
  watch("value", () => document.dispatchEvent(new CustomEvent("lm:arrived", { detail: { element, tab: state.at } })));
}

// What a surprise should be far from: the works opened and those on the page, the newest first.
function see(stage) {
  const opened = stage.dataset.showing.startsWith("work ") ? [stage.dataset.showing.slice(5)] : [];
  const shown = [...stage.querySelectorAll(".lm-card a[data-work]")].slice(0, 6).map((link) => link.dataset.work);
  state.seen = [...new Set([...opened, ...shown, ...state.seen])].slice(0, 60);
}
