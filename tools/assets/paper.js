// Before a page is printed: what is wider than the paper is made smaller, down to six tenths.
// Returns what would still be cut.
return (() => {
  const right = document.body.getBoundingClientRect().right;
  const wide = "table, pre, .katex-display, img, .picture";
  for (const element of document.querySelectorAll(wide)) {
    if (element.parentElement.closest(wide)) continue;
    const inner = element.querySelector(".katex-html") || element;
    const room = right - element.getBoundingClientRect().left;
    const width = Math.max(inner.scrollWidth, inner.getBoundingClientRect().width);
    if (width > room + 1) element.style.zoom = Math.max(0.6, Math.floor((100 * room) / width) / 100);
  }
  const cut = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".katex-mathml, svg")) continue;
    const box = element.getBoundingClientRect();
    const slack = element.closest(".katex") ? 6 : 1;
    if (box.width && box.right > right + slack) {
      const page = element.closest(".page, nav, .cover");
      cut.push(`${page.id || "front"}: ${element.tagName.toLowerCase()} "${element.textContent.trim().slice(0, 40)}"`);
    }
  }
  return cut.slice(0, 10);
})();
