// Only comfort: every page works without this file. It warns before the session is cut, copies a digest, and counts
// nothing as use that the person did not do.
"use strict";
(() => {
  const cut = document.querySelector("[data-idle-ends]");
  if (cut) {
    let ends = Date.parse(cut.dataset.idleEnds);
    const span = ends - Date.now();
    const left = cut.querySelector("[data-left]");
    const tick = () => {
      const seconds = Math.ceil((ends - Date.now()) / 1000);
      cut.hidden = seconds > 120;
      if (left) left.textContent = String(Math.max(0, seconds));
      if (seconds <= 0) location.assign(cut.dataset.after);
    };
    // The server answers "no content": the browser stays where it is, and what was typed stays too.
    const extend = cut.querySelector("form");
    if (extend) extend.addEventListener("submit", () => { ends = Date.now() + span; setTimeout(tick, 0); });
    tick();
    setInterval(tick, 1000);
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.done;
    });
  }
  for (const field of document.querySelectorAll("input")) {
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.isComposing) event.preventDefault();
    });
  }
})();
