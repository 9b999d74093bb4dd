// The review page with a script: forms are sent without leaving the page, and keys press its buttons.
// Everything here only presses what the page shows; without it every form works by itself.
"use strict";

(() => {
  const TYPING_PAUSE = 110; // milliseconds without a key before a search is sent
  const SETTLING = 200; // after a new screen appears: a key pressed for the last one must not decide this one
  const RETRY = 3000;
  let sending = false;
  let shownAt = 0;
  let typing = 0;
  let newestSearch = 0;

  const byId = (id) => document.getElementById(id);
  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  // A new element each time: the same words twice are read out twice.
  function tell(text, kind) {
    const told = byId("told");
    const line = document.createElement("span");
    told.className = `told ${kind}`;
    line.textContent = text;
    told.replaceChildren(...(text ? [line] : []));
  }

  // Puts what the answered page shows into this one. The told line stays the same element, so that it is read out.
  function show(page) {
    const told = page.getElementById("told");
    const main = page.getElementById("main");
    byId("main").replaceWith(document.adoptNode(main));
    for (const id of ["progress", "undo"]) byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
    tell(told.textContent, told.className.replace("told", "").trim());
    document.title = page.title;
    window.scrollTo(0, 0);
    byId("title").focus({ preventScroll: true });
    shownAt = performance.now();
  }

  // Sends until it is answered: a run at work and a server that starts anew are waited for. What is sent carries a name,
  // so that nothing is taken twice.
  async function send(form, button) {
    if (sending) return;
    sending = true;
    document.body.classList.add("waiting");
    const fields = new URLSearchParams(new FormData(form, button));
    const address = button?.getAttribute("formaction") || form.getAttribute("action");
    try {
      for (;;) {
        const answer = await fetch(address, { method: "POST", body: fields }).catch(() => null);
        if (answer?.status === 503) tell("A run is at work. Your answer is kept here and sent when it ends.", "again");
        else if (answer === null) tell("The page cannot be reached. Your answer is kept here and sent again.", "wrong");
        else {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          if (page.getElementById("main")) show(page);
          else if (answer.ok || answer.status === 401) location.assign("/");
          else tell(page.querySelector("main p")?.textContent ?? "That did not work; nothing was done.", "wrong");
          return;
        }
        await wait(RETRY);
      }
    } finally {
      sending = false;
      document.body.classList.remove("waiting");
    }
  }

  async function search() {
    clearTimeout(typing);
    const mine = ++newestSearch;
    const asked = byId("q")?.value ?? "";
    const answer = await fetch(`/search?q=${encodeURIComponent(asked)}`).catch(() => null);
    if (!answer?.ok || mine !== newestSearch || !byId("results")) return;
    const part = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== newestSearch || !byId("results")) return;
    // Who has walked on into the results stays at that category, or goes back to the field: never at another one unseen.
    const at = document.activeElement.closest("#results") ? document.activeElement.value : null;
    byId("results").replaceChildren(...part.body.childNodes);
    if (at !== null) (found().find((button) => button.value === at) ?? byId("q")).focus();
    byId("heard").textContent = byId("results").querySelector(".note")?.textContent ?? ""; // how many, not each of them
  }

  const found = () => [...document.querySelectorAll("#results button")];

  function inSearch(event) {
    const buttons = found();
    const at = buttons.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && buttons.length) buttons[Math.min(at + 1, buttons.length - 1)].focus();
    else if (event.key === "ArrowUp" && at >= 0) (buttons[at - 1] ?? byId("q")).focus();
    else if (event.key === "Escape") byId("title").focus();
    else {
      // whoever goes on typing among the results means the search, not a button of that letter: the key is written there
      if (at >= 0 && event.key.length === 1 && event.key !== " ") byId("q").focus();
      return false;
    }
    return true;
  }

  // The key as it is printed here, whatever alphabet the keyboard is set to.
  function keyOf(event) {
    if (/^[!-~]$/.test(event.key)) return event.key.toLowerCase();
    const letter = /^Key([A-Z])$/.exec(event.code);
    if (letter) return letter[1].toLowerCase();
    return event.code === "Slash" ? (event.shiftKey ? "?" : "/") : event.key;
  }

  function press(key) {
    if (key === "/") {
      byId("q")?.focus();
      byId("q")?.select();
      return Boolean(byId("q"));
    }
    if (key === "?") {
      byId("help").open = !byId("help").open;
      return true;
    }
    const button = /^[a-z1-9]$/.test(key) && document.querySelector(`[data-key="${key}"]`);
    if (!button || button.disabled || sending || performance.now() - shownAt < SETTLING) return false;
    button.click();
    return true;
  }

  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || !byId("main")) return;
    event.preventDefault();
    if (event.submitter?.getAttribute("formaction") === "/look") search().then(() => found()[0]?.focus());
    else send(event.target, event.submitter);
  });

  document.addEventListener("input", (event) => {
    if (event.target.id !== "q") return;
    clearTimeout(typing);
    typing = setTimeout(search, TYPING_PAUSE);
  });

  document.addEventListener("change", (event) => {
    if (event.target.name !== "kept") return;
    const all = document.querySelectorAll("input[name=kept][type=checkbox]");
    const ticked = [...all].filter((box) => box.checked).length;
    byId("counted").textContent = ticked === all.length ? ticked : `${ticked} of ${all.length}`;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !event.key.startsWith("Arrow")) return;
    const at = event.target;
    const writes = at.matches("input:not([type=checkbox]), textarea, select") || at.closest("#results");
    if (at.closest(".search") && inSearch(event)) event.preventDefault();
    else if (event.key === "Escape") {
      byId("help").open = false;
      if (writes) at.blur();
    } else if (!writes && byId("keys").checked && press(keyOf(event))) event.preventDefault();
  });

  document.documentElement.classList.add("scripted");
  // Letters that press buttons get in the way of speech input and of some screen readers: this browser may do without.
  byId("keys").checked = localStorage.getItem("keys") !== "off";
  byId("keys").addEventListener("change", () => localStorage.setItem("keys", byId("keys").checked ? "on" : "off"));
  shownAt = performance.now();
})();
