// Keeps the queue and a case up to date while somebody looks at them. Everything works without it:
// then the foot of the page says from when it is, and so it does here.
"use strict";

(() => {
  const main = document.getElementById("main");
  const told = document.getElementById("live");
  const clock = document.querySelector("[data-clock]");
  if (!main?.dataset.live || !told || !window.EventSource || !window.fetch) return;

  const PATIENCE = 3 * Number(told.dataset.beat) * 1000; // without a sign of life: it is lost
  const GRACE = Math.min(4000, PATIENCE); // a stream that ends comes back by itself
  const BETWEEN = 2000; // the page is not asked for more often than that
  const MINUTE = 60000; // clocks and figures move on without anybody doing anything
  const what = main.dataset.what;
  let source = null;
  let bookmark = main.dataset.bookmark;
  let asOf = clock ? clock.dateTime : "";
  let isPending = false; // something has happened that the page does not show
  let isBusy = false;
  let isPressed = false;
  let isFailing = false; // since the last sign of life
  let isLost = false;
  let asked = Date.now();
  let later = 0;
  let watch = 0;

  // ------------------------------------------------------------------------------ what is told
  const time = (moment) => {
    const shape = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    try {
      const zone = { timeZone: told.dataset.zone, timeZoneName: "short" };
      return new Intl.DateTimeFormat("en-GB", { ...shape, ...zone }).format(new Date(moment));
    } catch {
      return new Intl.DateTimeFormat("en-GB", shape).format(new Date(moment));
    }
  };

  const say = (sentence, loud, name, act) => {
    const said = `${sentence}|${name ?? ""}`;
    if (told.dataset.said === said) return;
    told.dataset.said = said;
    told.classList.toggle("loud", loud);
    told.textContent = sentence;
    if (!name) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", act);
    told.append(" ", button);
  };

  const quiet = () => {
    told.textContent = "";
    told.classList.remove("loud");
    delete told.dataset.said;
  };

  const hint = () => say(`The ${what} has changed.`, false, "Bring up to date", () => refresh(true));

  const reload = () => window.location.reload();

  const lose = (why) => {
    isLost = true;
    say(`${why} Data as of ${time(asOf)}: it may be old.`, true, "Load anew", reload);
  };

  const alive = (moment) => {
    isFailing = false;
    window.clearTimeout(watch);
    watch = window.setTimeout(() => lose("The connection is lost."), PATIENCE);
    if (isLost) {
      isLost = false;
      quiet();
      if (isPending) hint();
    }
    told.dataset.alive = moment;
    if (!isPending && Date.now() - asked > MINUTE) refresh(false, true);
  };

  // From when the page is, by the clock of the service; a sign of life makes it no younger.
  const date = (moment) => {
    asOf = moment;
    if (clock) {
      clock.dateTime = moment;
      clock.textContent = time(moment);
    }
  };

  // ------------------------------------------------------------------- may the page be replaced?
  const controls = () => [...main.querySelectorAll("input, textarea, select")];

  const isTouched = (one) => {
    if (one.type === "checkbox" || one.type === "radio") return one.checked !== one.defaultChecked;
    if (one.localName !== "select") return one.value !== one.defaultValue;
    const first = [...one.options].find((option) => option.defaultSelected) ?? one.options[0];
    return one.value !== (first?.value ?? "");
  };

  const isWriting = () => {
    const at = document.activeElement;
    if (!at || !main.contains(at)) return false;
    return at.matches("textarea, select, input:not([type=checkbox], [type=radio])");
  };

  const isReading = () => {
    const chosen = window.getSelection();
    return chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode);
  };

  const isSafe = () =>
    !document.querySelector("dialog[open]") && !isPressed && !isWriting() && !isReading() &&
    ![...document.forms].some((form) => form.dataset.sent) && !controls().some(isTouched);

  // ------------------------------------------------------- what stays where it was in the new page
  const keyOf = (one) => {
    if (one.id) return `#${one.id}`;
    if (one.localName === "summary" || one.localName === "details") {
      const all = [...main.querySelectorAll("summary")];
      const name = (one.localName === "details" ? one.querySelector("summary") : one).textContent;
      return `summary ${name} ${all.filter((each) => each.textContent === name).length}`;
    }
    const href = one.getAttribute("href");
    return href ? `a ${href}` : one.name ? `${one.name}=${one.value}` : "";
  };

  const found = (key) =>
    key && [...main.querySelectorAll("[id], a, summary, input, button")].find(
      (one) => keyOf(one) === key,
    );

  const remember = () => {
    const at = document.activeElement;
    const anchor = [...main.querySelectorAll("[id]")].find(
      (one) => one.getBoundingClientRect().top >= 0,
    );
    return {
      hadFocus: at && main.contains(at),
      focus: at && main.contains(at) ? keyOf(at) : "",
      open: [...main.querySelectorAll("details")].map((one) => [keyOf(one), one.open]),
      fields: controls().filter((one) => isTouched(one) && keyOf(one)).map(
        (one) => [keyOf(one), one.type === "checkbox" || one.type === "radio", one.checked, one.value],
      ),
      anchor: anchor?.id,
      top: anchor?.getBoundingClientRect().top,
    };
  };

  const restore = (kept) => {
    const open = new Map(kept.open);
    for (const one of main.querySelectorAll("details")) {
      if (open.has(keyOf(one))) one.open = open.get(keyOf(one));
    }
    for (const [key, isTick, checked, value] of kept.fields) {
      const one = found(key);
      if (one && isTick) one.checked = checked;
      else if (one) one.value = value;
    }
    if (kept.hadFocus) (found(kept.focus) || main).focus({ preventScroll: true });
    const anchor = kept.anchor && document.getElementById(kept.anchor);
    if (!anchor) return;
    const by = anchor.getBoundingClientRect().top - kept.top;
    if (Math.abs(by) > 1) window.scrollBy({ top: by, behavior: "instant" });
  };

  // --------------------------------------------------------------------------- the page once more
  const here = () => {
    const address = new URL(window.location.href);
    address.searchParams.delete("done"); // what was done is said once
    return address;
  };

  const fetched = async () => {
    const answer = await fetch(here(), {
      headers: { "Freezeguard-Refresh": "yes" }, redirect: "manual", cache: "no-store",
      signal: AbortSignal.timeout(10000),
    });
    if (answer.type === "opaqueredirect" || answer.status === 403) return "out";
    if (!answer.ok) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    const drawn = page.querySelector("[data-clock]")?.dateTime;
    return fresh?.dataset.live === main.dataset.live ? [page.title, fresh, drawn] : null;
  };

  const replace = ([title, fresh, drawn]) => {
    const kept = remember();
    date(drawn ?? asOf);
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    document.title = title;
    restore(kept);
  };

  const refresh = async (isWanted, isSilent) => {
    if (isBusy || (!isWanted && !isSafe())) return;
    window.clearTimeout(later);
    isBusy = true;
    asked = Date.now();
    isPending = false; // what happens from now on is news again
    let page = null;
    try {
      page = await fetched();
    } catch {
      page = null;
    }
    isBusy = false;
    if (page === "out") {
      stop();
      isPending = true;
      lose("You are signed out.");
    } else if (!page && isSilent) {
      return;
    } else if (page && (isWanted || isSafe())) {
      replace(page);
      if (!isPending && !isSilent) say(`Brought up to date at ${time(asOf)}.`, false);
    } else if (!isSilent) {
      isPending = true;
      hint();
    }
    if (isPending) soon();
  };

  const soon = () => {
    window.clearTimeout(later);
    const wait = Math.max(asked + BETWEEN - Date.now(), Math.random() * 500);
    later = window.setTimeout(() => {
      if (!isPending || !source) return;
      if (isSafe()) refresh(false);
      else {
        hint();
        later = window.setTimeout(soon, BETWEEN);
      }
    }, wait);
  };

  // ----------------------------------------------------------------------------------- the stream
  const start = () => {
    if (source || document.hidden) return;
    isFailing = false;
    source = new EventSource(`${main.dataset.live}?after=${encodeURIComponent(bookmark)}`);
    source.addEventListener("alive", (event) => {
      bookmark = event.lastEventId;
      alive(JSON.parse(event.data).as_of);
    });
    source.addEventListener("changed", (event) => {
      bookmark = event.lastEventId;
      isPending = true;
      soon();
    });
    source.addEventListener("error", () => {
      if (!isFailing) {
        isFailing = true;
        window.clearTimeout(watch);
        watch = window.setTimeout(() => lose("The connection is lost."), GRACE);
      }
      if (source?.readyState === EventSource.CLOSED) again();
    });
    watch = window.setTimeout(() => lose("The connection is lost."), PATIENCE);
    if (isPending) soon();
  };

  const stop = () => {
    source?.close();
    source = null;
    window.clearTimeout(watch);
    window.clearTimeout(later);
  };

  // The stream was refused: signed out, too many windows, or the service is away. The page tells.
  const again = async () => {
    source?.close();
    source = null;
    try {
      if ((await fetched()) === "out") {
        stop();
        lose("You are signed out.");
        return;
      }
    } catch {
      // it is away, and may come back
    }
    window.setTimeout(start, 5000 + Math.random() * 5000);
  };

  for (const name of ["pointerdown", "pointerup", "pointercancel"]) {
    document.addEventListener(name, () => (isPressed = name === "pointerdown"), true);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", start);
  if (asOf) date(asOf);
  start();
})();
