// What the page does by itself, in the browser: highlighting, jumping, copying, links, keys.
// It makes no markup from text, and asks nobody but the server it came from.
(() => {
  "use strict";
  let texts = window.ragFaqTexts.en;
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const all = (selector) => document.querySelectorAll(selector);
  let trigger = () => {};
  const nudge = () => trigger("nudge");
  let pinned = "";
  // The page comes in English and is put into the person's language at once: the change is not shown.
  const language = localStorage.getItem("rag-faq-language") || navigator.language.split("-")[0];
  if (language !== "en" && window.ragFaqTexts[language]) {
    document.documentElement.classList.add("unspoken");
    setTimeout(() => document.documentElement.classList.remove("unspoken"), 4000);
  }
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

  // -- an earlier question in the box: asking it takes its place, and what came after it goes
  let editing = 0;
  const edit = (text, place) => {
    editing = place;
    const notice = document.querySelector(".editing");
    if (notice) notice.hidden = !place;
    if (text !== null) fill(text);
  };

  // Gradio loses the stream of a question that is sent in the very moment in which the one before ends, and opens a new
  // one for whatever is asked next. So where nothing moves for a while, something is asked that costs nothing.
  const STILL_MS = 2500;
  const PATIENCE_MS = 30000;
  let asked = 0; // when a question was sent that is not shown yet
  let moved = 0; // when something last changed
  const sent = () => { asked = moved = Date.now(); };
  const send = (question, place) => { sent(); edit(null, 0); trigger("ask", { question, place }); };
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
      if (!cut && !editing) return sent();
      event.preventDefault();
      event.stopImmediatePropagation();
      if (cut) askAfresh(box().value);
      else send(box().value, editing);
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
      else send(found.dataset.ask, Number(found.dataset.place || 0));
    } else if ((found = hit("[data-copy]"))) copy(found);
    else if ((found = hit("[data-edit]"))) edit(found.dataset.edit, Number(found.dataset.place || 0));
    else if (hit("[data-cancel-edit]")) edit("", 0);
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

  // What a person opened stays open when the list is drawn anew: a filter's answer may come after the click. The click
  // is looked at, not what comes of it: the entry may be replaced before that is told.
  const unfolded = new Set();
  document.addEventListener("click", (event) => {
    const entry = event.target.closest?.("details.entry > summary")?.parentElement;
    if (!entry) return;
    delete entry.dataset.kept;
    if (entry.open) unfolded.delete(entry.id);
    else unfolded.add(entry.id);
  }, true);
  // An opened entry has its permanent link in the address line.
  document.addEventListener("toggle", (event) => {
    const entry = event.target;
    if (entry.matches?.("details.entry") && entry.open && !("kept" in entry.dataset)) {
      history.replaceState(null, "", `${location.pathname}?entry=${entry.dataset.link}`);
    }
  }, true);

  // Single keys, unless something is typed or they are turned off; Esc always stops.
  let keys = true;
  const KEYS = {
    "/": () => { openTab(0); box()?.focus(); },
    "?": () => ragFaq.openDialog("shortcuts"),
    n: () => { openTab(0); document.getElementById("clear")?.click(); box()?.focus(); },
    c: () => ragFaq.openDialog("shelf"),
    1: () => openTab(0),
    2: () => openTab(1),
    3: () => openTab(2),
    4: () => openTab(3),
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
    const act = keys && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key === "Escape") {
      if (editing) edit("", 0);
      document.getElementById("stop")?.click();
    }
  });

  window.ragFaq = {
    connect: (toServer) => { trigger = toServer; },
    trigger: (name, data) => trigger(name, data),
    say,
    // The server says in which language the page is; what the script says itself follows.
    spoken: (element) => {
      const follow = () => {
        const state = element.querySelector("[data-language]");
        if (!state) return;
        const root = document.documentElement;
        root.lang = state.dataset.language;
        root.classList.remove("unspoken");
        texts = window.ragFaqTexts[root.lang] || texts;
        document.title = state.dataset.title;
        keys = state.dataset.keys === "on";
        localStorage.setItem("rag-faq-language", root.lang);
      };
      document.documentElement.lang ||= "en";
      return follow;
    },
    keepOpen: (element) => () => {
      element.querySelectorAll("details.entry:not([open])").forEach((entry) => {
        if (!unfolded.has(entry.id)) return;
        entry.dataset.kept = "";
        entry.open = true;
      });
    },
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
      document.documentElement.classList.remove("unspoken");
      const address = new URLSearchParams(location.search);
      if (address.has("q")) {
        history.replaceState(null, "", location.pathname);
        if (address.get("q").trim()) send(address.get("q"), 0);
      }
      const opened = document.querySelector("details.entry[open]");
      if (address.has("entry") && opened) {
        setTimeout(() => { opened.scrollIntoView({ block: "start" }); }, 150);
      }
    },
  };
})();
