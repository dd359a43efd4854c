// The Live page: dropped files, downloads, and what is told to those who do not see it change.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const isFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const isOpen = () => Boolean($("#lm-live")?.offsetParent);
  const fileInput = () => $("#lm-live .lm-live-actions input[type=file]");

  // Files -------------------------------------------------------------------------------------------------
  function refuse(why, name) {
    const place = $("#lm-live-refused");
    place.replaceChildren($(`#lm-live template[data-refused="${why}"]`).content.cloneNode(true));
    place.querySelector("b")?.replaceChildren(name);
  }

  function fits(files) {
    const { endings, bytes } = $(".lm-live-limits").dataset;
    const [file] = files;
    if (files.length !== 1) refuse("many", "");
    else if (!endings.split(" ").some((ending) => file.name.toLowerCase().endsWith(ending))) refuse("kind", file.name);
    else if (file.size > Number(bytes)) refuse("size", file.name);
    else {
      $("#lm-live-refused").replaceChildren();
      tell(`Reading ${file.name}…`);
      return true;
    }
    return false;
  }

  function dragging(is) {
    $("#lm-live")?.classList.toggle("lm-dragging", is);
    if (!is) $("#lm-text")?.classList.remove("lm-over");
  }

  document.addEventListener("dragover", (event) => {
    if (!isFiles(event) || !isOpen()) return;
    event.preventDefault(); // or the browser leaves for the file
    const over = Boolean(event.target.closest?.("#lm-text"));
    event.dataTransfer.dropEffect = over ? "copy" : "none";
    dragging(true);
    $("#lm-text").classList.toggle("lm-over", over);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dragging(false);
  });
  document.addEventListener("drop", (event) => {
    if (!isFiles(event) || !isOpen()) return;
    event.preventDefault();
    dragging(false);
    if (!event.target.closest?.("#lm-text") || !fits(event.dataTransfer.files)) return;
    const input = fileInput();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // A file that was chosen by hand is looked at before Gradio sends it; ours from a drop passes twice.
  document.addEventListener(
    "change",
    (event) => {
      if (event.target !== fileInput() || !event.target.files.length || fits(event.target.files)) return;
      event.stopImmediatePropagation();
      event.target.value = "";
    },
    true,
  );

  // The head is no page of its own, so its links are ours to follow.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('.lm-live-head a[href^="?"]');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.lexiMind.go(link.getAttribute("href"));
  });

  // Downloads: the file is in the page already.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-download]");
    if (!button) return;
    const { download, kind, body } = button.dataset;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([body], { type: `${kind};charset=utf-8` }));
    link.download = download;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  // Telling -----------------------------------------------------------------------------------------------
  function tell(text) {
    const told = $("#lm-live-told");
    if (told && told.textContent !== text) told.textContent = text;
  }

  // Gradio writes "queue: 2/3" where it shows progress; nothing else in the page knows the place.
  function findPlace(root) {
    const found = /queue:\s*(\d+)\s*\/\s*(\d+)/.exec(root.querySelector(".progress-text, .meta-text")?.textContent ?? "");
    if (!found) return "";
    const before = Number(found[1]) - 1;
    if (!before) return "You are next in line.";
    return `${before === 1 ? "One visitor is" : `${before} visitors are`} before you in line.`;
  }

  let turn = "";
  function look(root) {
    const line = root.querySelector(".lm-live-line");
    const problem = root.querySelector(".lm-problem");
    if (problem || !line) return problem ? tell("") : undefined;
    const place = line.dataset.state === "busy" && line.dataset.turn !== "0" ? findPlace(root) : "";
    if (place && line.textContent !== place) line.textContent = place;
    if (line.dataset.state !== "idle") tell(line.textContent);
    if (line.dataset.state === "busy" && line.dataset.turn !== "0" && line.dataset.turn !== turn) {
      turn = line.dataset.turn;
      $("#lm-live-refused").replaceChildren();
      const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (root.getBoundingClientRect().top > window.innerHeight * 0.4) {
        root.scrollIntoView({ block: "start", behavior: still ? "instant" : "smooth" });
      }
    }
    // The button leaves with the focus on it: hand the focus on.
    if (line.dataset.state !== "busy" && document.activeElement === $("#lm-stop")) $("#lm-analyze")?.focus();
  }

  const waiting = new MutationObserver(() => {
    const root = $("#lm-line");
    const box = $("#lm-text textarea");
    if (!root || !box) return;
    waiting.disconnect();
    box.dir = "auto";
    new MutationObserver(() => look(root)).observe(root, { childList: true, subtree: true, characterData: true });
  });
  waiting.observe(document.documentElement, { childList: true, subtree: true });
})();
