// Runs once, in Gradio's component: `element`, `trigger` and `watch` are given. Makes no markup from text.
const group = (inside) => inside.closest?.("[data-answer]");
const pressed = (thumbs) => thumbs.querySelector('[data-verdict][aria-pressed="true"]');
const send = (thumbs, reason) => trigger("verdict", {
  answer: thumbs.dataset.answer,
  verdict: pressed(thumbs)?.dataset.verdict || "",
  reason,
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-verdict]");
  const thumbs = button && group(button);
  if (!thumbs) return;
  const again = button.getAttribute("aria-pressed") === "true"; // pressed once more: taken back
  thumbs.querySelectorAll("[data-verdict]").forEach((other) => other.setAttribute("aria-pressed", "false"));
  button.setAttribute("aria-pressed", String(!again));
  thumbs.querySelector("form").hidden = again;
  send(thumbs, "");
});
document.addEventListener("submit", (event) => {
  const thumbs = group(event.target);
  if (!thumbs) return;
  event.preventDefault();
  send(thumbs, thumbs.querySelector("input").value);
  event.target.hidden = true;
  pressed(thumbs)?.focus();
});
watch("value", () => {
  const said = element.querySelector("[data-for]");
  const thumbs = said && document.querySelector(`[data-answer="${CSS.escape(said.dataset.for)}"]`);
  if (thumbs) thumbs.querySelector('[role="status"]').textContent = said.textContent;
});
