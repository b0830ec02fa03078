// What of a deck does not lie on its slide, or is too small to be read: sentences.
// With arguments[0] the deck is gone through slide by slide, as a class sees it; without,
// all slides are laid out at once, which takes a tenth of the time.
return ((asShown) => {
  const LEAST = { code: 18, table: 20, printed: 20, claims: 22 };
  const NOT_SEEN = ".katex-mathml, svg, script, style, aside";
  const found = [];
  const scale = asShown ? Reveal.getScale() : 1;

  // By how many pixels of the slide an element stands out of its box.
  const over = (element, limit) => {
    const rect = element.getBoundingClientRect();
    if (!rect.width || !rect.height) return 0;
    const sides = [
      rect.right - limit.right, rect.bottom - limit.bottom, limit.left - rect.left, limit.top - rect.top,
    ];
    return Math.max(...sides) / scale;
  };

  // KaTeX's boxes are a little larger than the ink in them.
  const allowed = (element) => (element.closest(".katex") ? 6 : 1.5);

  const problem = (slide) => {
    const box = slide.querySelector(".box").getBoundingClientRect();
    if (asShown && (box.right > innerWidth || box.bottom > innerHeight)) return "it is larger than the window";
    for (const element of slide.querySelectorAll(".box *")) {
      if (element.closest(NOT_SEEN)) continue;
      const out = over(element, box);
      if (out > allowed(element)) return `${element.tagName.toLowerCase()} stands out by ${Math.round(out)} px`;
      const hides = getComputedStyle(element).overflowX !== "visible";
      if (hides && element.scrollWidth > element.clientWidth + 1) return "something is cut at the right";
    }
    const content = slide.querySelector(".content");
    if (content.scrollWidth > content.clientWidth + 1) return "words stand out at the right";
    const size = parseFloat(getComputedStyle(content).fontSize);
    const least = LEAST[slide.classList[0]] || 24;
    if (size < least) return `words of ${size} px, at least ${least}`;
    for (const image of slide.querySelectorAll("img")) {
      const rect = image.getBoundingClientRect();
      if (!image.complete || !image.naturalWidth) return "a picture that does not show";
      if (!image.alt) return "a picture without alternative text";
      if (rect.height / scale < 250 && rect.width / scale < 500) return "a picture too small to be read";
    }
    return content.textContent.trim() || slide.querySelector("img") ? "" : "it is empty";
  };

  if (!asShown) document.documentElement.classList.add("fitting");
  for (const [place, slide] of Reveal.getSlides().entries()) {
    if (asShown) {
      const { h, v } = Reveal.getIndices(slide);
      Reveal.slide(h, v);
    }
    const what = problem(slide);
    const words = slide.textContent.trim().replace(/\s+/g, " ").slice(0, 50);
    if (what) found.push(`slide ${place + 1} (${slide.classList[0]}, "${words}"): ${what}`);
  }
  document.documentElement.classList.remove("fitting");
  Reveal.slide(0, 0);
  return found;
})(arguments[0]);
