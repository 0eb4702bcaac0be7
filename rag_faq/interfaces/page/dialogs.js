// The dialogs: conversations and shortcuts. They are the browser's own <dialog>, which keeps the focus and closes on Esc.
(() => {
  "use strict";
  let opened = ""; // the dialog that is open, and stays open when the server draws it anew
  let focus = ""; // what in it has the focus then

  const show = (id) => {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    opened = id;
    dialog.showModal();
    dialog.addEventListener("close", () => { if (dialog.isConnected) opened = ""; }, { once: true });
  };

  const act = (name, number, more) => {
    focus = `[data-number="${number}"] button:not([hidden])`;
    ragFaq.trigger("shelve", { act: name, number, ...more });
  };

  const rename = (row) => {
    const form = row.querySelector("form");
    form.hidden = !form.hidden;
    if (form.hidden) row.querySelector("[data-rename]").focus();
    else form.querySelector("input").select();
  };

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    let found;
    if ((found = hit("[data-dialog]"))) ragFaq.openDialog(found.dataset.dialog);
    else if ((found = hit("dialog [data-close]"))) found.closest("dialog").close();
    else if ((found = hit("[data-act]"))) {
      act(found.dataset.act, Number(found.dataset.of));
      if (found.dataset.act === "open") found.closest("dialog").close();
    } else if ((found = hit("[data-rename]"))) rename(found.closest("li"));
    else if ((found = hit("[data-new]"))) {
      found.closest("dialog").close();
      document.getElementById("clear")?.click();
    } else if (event.target.matches?.("dialog[open]")) {
      // A click on the dialog itself is one beside what it holds: on its edge, or outside.
      const edge = event.target.getBoundingClientRect();
      const inside = event.clientX >= edge.left && event.clientX <= edge.right
        && event.clientY >= edge.top && event.clientY <= edge.bottom;
      if (!inside) event.target.close();
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form[data-naming]");
    if (!form) return;
    event.preventDefault();
    act("name", Number(form.dataset.naming), { title: form.elements.title.value });
  });

  // Esc in the field of a name gives up the name, not the dialog.
  document.addEventListener("keydown", (event) => {
    const form = event.key === "Escape" && event.target.closest?.("form[data-naming]");
    if (!form) return;
    event.preventDefault();
    form.reset();
    rename(form.closest("li"));
  });

  Object.assign(window.ragFaq, {
    openDialog: (id) => {
      show(id);
      if (id === "shelf") {
        focus = "";
        ragFaq.trigger("list_shelf");
      }
    },
    // What was open before the server drew it anew is open after.
    reopen: (element) => () => {
      const dialog = element.querySelector("dialog");
      if (!dialog || dialog.id !== opened || dialog.open) return;
      show(dialog.id);
      ((focus && dialog.querySelector(focus)) || dialog.querySelector("[data-close]")).focus();
    },
    // The server writes a file into the page; the browser keeps it.
    handOut: (element) => () => {
      const file = element.querySelector("[data-file]");
      if (!file) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([file.dataset.content], { type: "text/plain;charset=utf-8" }));
      link.download = file.dataset.file;
      link.click();
      URL.revokeObjectURL(link.href);
      file.remove();
    },
  });
})();
