// Where the keyboard's focus is, and whether somebody who only looks can tell.
const at = document.activeElement;
if (!at || at === document.body) return { none: true };
const look = getComputedStyle(at);
const box = at.getBoundingClientRect();
const x = Math.min(Math.max(box.left + Math.min(box.width, 40) / 2, 1), innerWidth - 1);
const y = Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 1);
const top = document.elementFromPoint(x, y);
return {
  none: false,
  tag: at.localName,
  id: at.id,
  name: (at.textContent || at.value || at.getAttribute("aria-label") || "").trim().slice(0, 200),
  href: at.getAttribute("href") || "",
  outlined: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
  inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0 && box.height > 0,
  uncovered: Boolean(top) && (top === at || at.contains(top) || top.contains(at)),
};
