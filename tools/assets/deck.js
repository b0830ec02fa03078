// Makes each slide's words as large as they fit, chooses light or dark, starts reveal.js.
(() => {
  "use strict";
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search).get("theme");
  const liked = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = asked || liked;

  // Pixels on a slide of 1280 × 720: the largest and the smallest size of the words.
  const SIZES = {
    title: [36, 26], section: [38, 26], predict: [38, 26], exercise: [34, 26], wrong: [36, 26],
    points: [36, 26], deeper: [36, 26], note: [36, 26], formula: [38, 24], table: [32, 20],
    claims: [28, 22], code: [28, 18], printed: [30, 20], figure: [28, 28],
  };

  const fits = (content, box) => {
    const room = box.getBoundingClientRect();
    const used = content.getBoundingClientRect();
    return used.height <= room.height + 0.5 && content.scrollWidth <= Math.ceil(room.width);
  };

  const fit = (section) => {
    const box = section.querySelector(":scope > .box");
    const content = box.firstElementChild;
    const explorer = content.querySelector(".explorer");
    if (explorer) {
      let zoom = 1.6;
      do explorer.style.zoom = zoom -= 0.05; while (zoom > 0.8 && !fits(content, box));
      return;
    }
    const kind = Object.keys(SIZES).find((name) => section.classList.contains(name));
    let [size, least] = SIZES[kind];
    content.style.fontSize = `${size}px`;
    while (size > least && !fits(content, box)) content.style.fontSize = `${(size -= 1)}px`;
  };

  const theme = () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  };

  const start = async () => {
    root.classList.add("fitting");
    await document.fonts.ready;
    document.querySelectorAll(".slides section:has(> .box)").forEach(fit);
    await document.fonts.ready; // those that the first measurement asked for
    document.querySelectorAll(".slides section:has(> .box)").forEach(fit);
    root.classList.remove("fitting");
    const help = document.querySelector(".help");
    await Reveal.initialize({
      width: 1280, height: 720, margin: 0.02, minScale: 0.1, maxScale: 4,
      center: false, hash: true, slideNumber: "c/t", transition: "none",
      backgroundTransition: "none", pdfSeparateFragments: false, viewDistance: 2,
      keyboard: { 84: theme },
      plugins: [RevealNotes],
    });
    Reveal.on("slidechanged", () => help.remove());
    root.dataset.ready = "yes";
  };
  start();
})();
