// What the page does by itself, in the browser: highlighting, jumping, copying, links, keys.
// It makes no markup from text, and asks nobody but the server it came from.
(() => {
  "use strict";
  const texts = window.ragFaqTexts || {};
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const all = (selector) => document.querySelectorAll(selector);
  let trigger = () => {};
  let nudge = () => {};
  let pinned = "";
  // Gradio drops @supports from style sheets, so the browser is asked here.
  document.documentElement.classList.toggle("sizes-itself", CSS.supports("field-sizing", "content"));

  // -- highlighting: a citation names the sentence and the words of the source that belong together
  const light = (name) => {
    all(".lit").forEach((piece) => piece.classList.remove("lit"));
    if (!name) return;
    all(`[data-for~="${CSS.escape(name)}"]`).forEach((piece) => piece.classList.add("lit"));
    all(`[data-cite="${CSS.escape(name)}"]`).forEach((piece) => piece.classList.add("lit"));
  };
  const citeOf = (event) => {
    const link = event.target.closest?.("[data-cite]");
    if (link) return link.dataset.cite;
    return event.target.closest?.(".said")?.dataset.for.split(" ")[0] || "";
  };
  for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, (e) => light(citeOf(e) || pinned));
  document.addEventListener("mouseleave", () => light(pinned));

  // -- jumping: the <base> of the page would turn #anchors into another address, so they are followed here
  const show = (target) => {
    target.querySelector("details:not([open])")?.setAttribute("open", "");
    target.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
    (target.matches("[tabindex]") ? target : target.querySelector("a, summary"))?.focus({ preventScroll: true });
  };
  const jump = (link) => {
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    pinned = link.dataset.cite || "";
    show(target);
    light(pinned);
  };

  // -- the box
  const box = () => document.querySelector("#question textarea, #question input");
  const fill = (text) => {
    const field = box();
    if (!field) return;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };
  const say = (text) => {
    const line = document.getElementById("said-aloud");
    if (line) line.textContent = text;
  };
  const openTab = (place) => all('#tabs [role="tab"]')[place]?.click();

  // Gradio loses the stream of a question that is sent in the very moment in which the one before ends, and opens a new
  // one for whatever is asked next. So where nothing moves for a while, something is asked that costs nothing.
  const STILL_MS = 2500;
  const PATIENCE_MS = 30000;
  let asked = 0; // when a question was sent that is not shown yet
  let moved = 0; // when something last changed
  const sent = () => { asked = moved = Date.now(); };
  const send = (question, again) => { sent(); trigger({ question, again }); };
  const busy = () => document.querySelector('#now-answer [aria-busy="true"]');
  setInterval(() => {
    const now = Date.now();
    if (now - asked > PATIENCE_MS) asked = 0;
    if (cut || !(asked || busy()) || now - moved < STILL_MS) return;
    moved = now;
    nudge();
  }, 500);

  // Once an answer was cut off, Gradio waits for its end for ever: the next question is asked by a page that is new,
  // and has the conversation from the browser's store.
  let cut = false;
  const askAfresh = (question) => fetch("alive", { cache: "no-store" }).then(
    () => location.assign(`${location.pathname}?q=${encodeURIComponent(question)}`),
    () => say(texts.lost),
  );
  const asks = (event) => event.type === "click"
    ? event.target.closest?.("#send")
    : event.key === "Enter" && !event.shiftKey && event.target === box();
  for (const kind of ["click", "keydown"]) {
    document.addEventListener(kind, (event) => {
      if (!asks(event) || !box().value.trim()) return;
      if (!cut) return sent();
      event.preventDefault();
      event.stopImmediatePropagation();
      askAfresh(box().value);
    }, true);
  }

  const copy = async (button) => {
    const text = button.dataset.copy;
    const label = button.textContent;
    let done = false;
    if (navigator.clipboard && window.isSecureContext) {
      done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    }
    if (!done) {
      const field = document.createElement("textarea");
      field.value = text;
      button.after(field);
      field.select();
      done = document.execCommand("copy");
      field.remove();
      button.focus();
    }
    say(done ? texts.copied : texts.copy_failed);
    button.textContent = done ? texts.copied : texts.copy_failed;
    setTimeout(() => { button.textContent = label; }, 1800);
  };

  const openEntry = (id) => {
    openTab(1);
    const find = () => {
      const entry = document.getElementById(`entry-${id}`);
      if (!entry) return false;
      entry.open = true;
      entry.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "start" });
      entry.querySelector("summary").focus({ preventScroll: true });
      return true;
    };
    setTimeout(() => find() || clearFilter(find), 80);
  };
  const clearFilter = (then) => {
    const field = document.querySelector("#filter textarea, #filter input");
    if (!field) return;
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(then, 700);
  };

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    let found;
    if ((found = hit("[data-ask]"))) {
      openTab(0);
      if (cut) askAfresh(found.dataset.ask);
      else send(found.dataset.ask, found.hasAttribute("data-again"));
    } else if ((found = hit("[data-copy]"))) copy(found);
    else if ((found = hit("[data-edit]"))) fill(found.dataset.edit);
    else if ((found = hit("a[data-entry]"))) {
      event.preventDefault();
      openEntry(found.dataset.entry);
    } else if ((found = hit('a[href^="#"]'))) {
      event.preventDefault();
      jump(found);
    } else if (pinned && !hit(".said, .card")) {
      pinned = "";
      light("");
    }
  });

  // An opened entry has its permanent link in the address line.
  document.addEventListener("toggle", (event) => {
    const entry = event.target;
    if (entry.matches?.("details.entry") && entry.open) {
      history.replaceState(null, "", `${location.pathname}?entry=${entry.dataset.link}`);
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openTab(0);
      box()?.focus();
    } else if (event.key === "Escape") document.getElementById("stop")?.click();
  });

  window.ragFaq = {
    connect: (ask, nothing) => { [trigger, nudge] = [ask, nothing]; },
    // A new question goes to the top of the window, so that its answer has the room.
    newTurn: (element) => {
      let shown = "";
      return () => {
        const heading = element.querySelector("h2.question");
        if (!heading || heading.id === shown) return;
        shown = heading.id;
        asked = 0;
        if (element.querySelector("[data-fresh]")) {
          heading.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "start" });
        }
      };
    },
    // What is going on is said aloud when it changes; the answer itself once it is whole. While it is written, the
    // server is asked now and then whether it is still there: what is written stays, and the page can be used again.
    progress: (element) => {
      let said = "";
      let watcher = 0;
      const lost = () => {
        const busy = element.querySelector('[aria-busy="true"]');
        const status = busy?.querySelector(".status");
        if (!status) return;
        status.textContent = texts.lost;
        status.classList.add("lost");
        busy.removeAttribute("aria-busy");
        cut = true;
        say(texts.lost);
      };
      const look = () => {
        if (!element.querySelector('[aria-busy="true"]')) {
          clearInterval(watcher);
          watcher = 0;
        } else fetch("alive", { cache: "no-store" }).catch(lost);
      };
      return () => {
        moved = Date.now();
        const status = element.querySelector(".status")?.textContent || "";
        if (status && status !== said) say(status);
        said = status;
        if (status && !watcher) watcher = setInterval(look, 3000);
      };
    },
    // After a link was followed: the entry is shown, and a question is not asked again on reload.
    arrived: () => {
      document.documentElement.dataset.arrived = "";
      const address = new URLSearchParams(location.search);
      if (address.has("q")) {
        history.replaceState(null, "", location.pathname);
        if (address.get("q").trim()) send(address.get("q"), false);
      }
      const opened = document.querySelector("details.entry[open]");
      if (address.has("entry") && opened) {
        setTimeout(() => { opened.scrollIntoView({ block: "start" }); }, 150);
      }
    },
  };
})();
