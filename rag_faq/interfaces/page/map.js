// The map: what is pointed at is named beside it, and the arrow keys lead from point to point.
(() => {
  "use strict";
  const pointOf = (event) => event.target.closest?.(".map a.point");

  const name = (point) => {
    const tip = document.querySelector(".map-tip");
    if (!tip) return;
    tip.hidden = !point;
    if (!point) return;
    tip.textContent = point.getAttribute("aria-label");
    const frame = tip.parentElement.getBoundingClientRect();
    const dot = point.querySelector(".spot").getBoundingClientRect();
    const middle = dot.left + dot.width / 2 - frame.left;
    tip.style.left = `${Math.max(0, Math.min(middle - tip.offsetWidth / 2, frame.width - tip.offsetWidth))}px`;
    const above = dot.top - frame.top - tip.offsetHeight - 10;
    tip.style.top = `${above >= 0 ? above : dot.bottom - frame.top + 10}px`;
  };
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const focused = document.activeElement?.closest?.(".map a.point");
      name(pointOf(event) || focused);
    });
  }
  document.addEventListener("focusout", (event) => { if (pointOf(event)) name(null); });

  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest point that lies more in the direction than beside it.
  const next = (from, [dx, dy]) => {
    let best = null;
    let least = Infinity;
    for (const point of document.querySelectorAll(".map a.point")) {
      const x = point.dataset.x - from.dataset.x;
      const y = point.dataset.y - from.dataset.y;
      const ahead = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (point === from || ahead <= 0 || aside > 2 * ahead) continue;
      if (ahead + 2 * aside < least) [best, least] = [point, ahead + 2 * aside];
    }
    return best;
  };

  document.addEventListener("keydown", (event) => {
    const from = WAYS[event.key] && pointOf(event);
    if (!from) return;
    event.preventDefault();
    const to = next(from, WAYS[event.key]);
    if (!to) return;
    from.setAttribute("tabindex", "-1");
    to.setAttribute("tabindex", "0");
    to.focus();
  });
})();
