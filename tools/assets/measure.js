// What of a deck does not lie on its slide, or is too small to be read. Returns sentences.
return (() => {
  const LEAST = { code: 18, table: 20, printed: 20, claims: 22 };
  const found = [];
  const slides = Reveal.getSlides();
  for (const [place, slide] of slides.entries()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const scale = Reveal.getScale();
    const stage = document.querySelector(".slides").getBoundingClientRect();
    const box = slide.querySelector(".box").getBoundingClientRect();
    const name = `slide ${place + 1} (${slide.className.split(" ")[0]}, "${slide.textContent.trim().slice(0, 40)}")`;
    for (const element of slide.querySelectorAll(".box *, .running")) {
      if (element.closest(".katex-mathml, svg, script, style, aside")) continue;
      const limit = element.closest(".box") ? box : stage;
      const rect = element.getBoundingClientRect();
      if (!rect.width || !rect.height) continue;
      const slack = element.closest(".katex") ? 6 : 1;
      const over = Math.max(rect.right - limit.right, rect.bottom - limit.bottom, limit.left - rect.left, limit.top - rect.top);
      if (over > slack * scale) {
        found.push(`${name}: ${element.tagName.toLowerCase()} stands out by ${Math.round(over / scale)} px`);
        break;
      }
      if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible") {
        found.push(`${name}: ${element.tagName.toLowerCase()} is cut at the right`);
        break;
      }
    }
    const content = slide.querySelector(".content");
    const size = parseFloat(getComputedStyle(content).fontSize);
    const least = LEAST[slide.classList[0]] || 24;
    if (size < least) found.push(`${name}: words of ${size} px, at least ${least}`);
    for (const image of slide.querySelectorAll("img")) {
      const rect = image.getBoundingClientRect();
      if (!image.complete || !image.naturalWidth) found.push(`${name}: a picture that does not show`);
      else if (rect.height / scale < 300 && rect.width / scale < 500) found.push(`${name}: a small picture`);
      if (!image.alt) found.push(`${name}: a picture without alternative text`);
    }
  }
  Reveal.slide(0, 0);
  return found;
})();
