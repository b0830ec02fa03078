// Questions that the tests ask a page. Each function returns plain data.
window.pageChecks = {
  // Elements of the text that stand out of a window of this width and cannot be scrolled to.
  tooWide(width) {
    const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    const article = document.querySelector("article");
    const found = [];
    for (const element of article.querySelectorAll("*")) {
      const box = element.getBoundingClientRect();
      // KaTeX hides a copy for screen readers, and cuts roots and braces from long drawings.
      if (!box.width || box.right <= width + 1 || element.closest(".katex-mathml, svg")) continue;
      let parent = element.parentElement;
      while (parent !== article && !scrolls(parent)) parent = parent.parentElement;
      if (parent === article) found.push(`${element.tagName}.${element.className}: ${box.right}`);
    }
    return found;
  },

  // Text outside code, formulas and scripts.
  prose() {
    const copy = document.querySelector("article").cloneNode(true);
    copy.querySelectorAll("pre, code, script, style, .katex").forEach((node) => node.remove());
    return copy.textContent;
  },

  // Text whose contrast with its background is below the limit of WCAG AA.
  faint() {
    const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = colour;
      pixel.fillRect(0, 0, 1, 1);
      return [...pixel.getImageData(0, 0, 1, 1).data];
    };
    const over = (top, below) => {
      const alpha = top[3] / 255;
      return [0, 1, 2].map((i) => top[i] * alpha + below[i] * (1 - alpha));
    };
    const background = (element) => {
      if (!element) return rgba("white").slice(0, 3);
      const own = rgba(getComputedStyle(element).backgroundColor);
      return own[3] === 255 ? own.slice(0, 3) : over(own, background(element.parentElement));
    };
    const linear = (part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = (colour) => {
      const [red, green, blue] = colour.map(linear);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const words = texts.currentNode.textContent.trim();
      const box = element.getBoundingClientRect();
      if (!words || box.width < 2 || !element.checkVisibility({ visibilityProperty: true })) continue;
      if (element.closest("script, style, noscript, .katex-mathml, [aria-hidden=true]")) continue;
      const style = getComputedStyle(element);
      const behind = background(element);
      const [dark, light] = [luminance(over(rgba(style.color), behind)), luminance(behind)].sort(
        (a, b) => a - b
      );
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (large ? 3 : 4.5))
        found.push(`${ratio.toFixed(2)} ${style.color} on ${behind}: ${words.slice(0, 40)}`);
    }
    return found;
  },

  // What a reader and a listener get from an explorer.
  state(explorer) {
    const canvas = explorer.querySelector("canvas");
    const image = explorer.querySelector("img");
    const words = explorer.querySelector("[aria-live]");
    return {
      shown: canvas ? canvas.toDataURL() : image.src,
      said: [image && image.alt, canvas && canvas.getAttribute("aria-label"),
        words && words.textContent].filter(Boolean).join("\n"),
    };
  },
};
