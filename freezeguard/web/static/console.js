// What makes pages nicer where a browser runs scripts. Everything works without it.
"use strict";

// A form is sent once, however often somebody presses.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  window.setTimeout(() => delete form.dataset.sent, 5000);
});

// Pages come back from the browser's memory as they were left: their forms may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// What was done is said once, not again when the page is loaded again.
const SAID = ["done", "file", "replayed"];
const here = new URL(window.location.href);
if (SAID.some((name) => here.searchParams.has(name))) {
  for (const name of SAID) here.searchParams.delete(name);
  window.history.replaceState(window.history.state, "", here);
}

// Who was refused reads why before anything else.
const refusal = document.querySelector("main .alert[role='alert']");
if (refusal && document.querySelector("main form.stack")) {
  refusal.tabIndex = -1;
  refusal.focus();
}

// ------------------------------------------------------------------------------- shortcuts
// One key each, and none where somebody writes. They can be turned off (WCAG 2.2, 2.1.4).
const OFF = "freezeguard.shortcuts.off";
const help = document.getElementById("shortcuts");
const toggle = document.getElementById("shortcuts-on");

const isOff = () => {
  try {
    return window.localStorage.getItem(OFF) === "yes";
  } catch {
    return false; // a browser that keeps nothing
  }
};

const follow = (selector) => {
  const link = document.querySelector(selector);
  if (link) link.click();
};

const step = (by) => {
  const entries = [...document.querySelectorAll(".queue .entry a")];
  if (!entries.length) return;
  const at = entries.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : entries.length - 1) : at + by;
  entries[Math.min(Math.max(next, 0), entries.length - 1)].focus();
};

// A tick is not writing: whoever has ticked a case goes on to the next by a key.
const WRITING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  q: () => follow("header .home"),
  c: () => follow("header a[href='/console/pull']"),
  a: () => follow("a[data-deed='approve']"),
  r: () => follow("a[data-deed='reject_approval']"),
  f: () => follow("a[data-deed='freeze']"),
  "/": () => document.getElementById("sku")?.focus(),
  "?": () => help?.showModal(),
};

document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest(WRITING);
  if (isWriting || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const act = KEYS[event.key];
  if (!act || (isOff() && event.key !== "?") || (help && help.open)) return;
  event.preventDefault();
  act();
});

if (toggle) {
  toggle.checked = !isOff();
  toggle.addEventListener("change", () => {
    try {
      window.localStorage.setItem(OFF, toggle.checked ? "no" : "yes");
    } catch {
      toggle.checked = true;
    }
  });
}
for (const button of document.querySelectorAll("[data-opens='shortcuts']")) {
  button.hidden = false;
  button.addEventListener("click", () => help?.showModal());
}
