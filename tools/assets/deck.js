// Makes each slide's words as large as they fit, chooses light or dark, starts reveal.js.
(() => {
  "use strict";
  const root = document.documentElement;
  const address = new URLSearchParams(location.search);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches && !address.has("print-pdf");
  root.dataset.theme = address.get("theme") || (dark ? "dark" : "light");

  // Pixels on a slide of 1280 × 720: the smallest and the largest size of the words. An
  // explorer is enlarged as a whole, in per cent.
  const SIZES = {
    title: [26, 44], section: [26, 44], predict: [26, 44], quiz: [24, 40], exercise: [26, 40],
    wrong: [26, 42], points: [26, 42], deeper: [26, 42], note: [26, 42], formula: [24, 44],
    table: [20, 40], claims: [22, 30], code: [18, 28], printed: [20, 34], figure: [28, 28], explorer: [90, 160],
  };

  const fits = (content, box) => {
    const room = box.getBoundingClientRect();
    const used = content.getBoundingClientRect();
    return used.height <= room.height - 4 && content.scrollWidth <= Math.ceil(room.width);
  };

  const fit = (section) => {
    const box = section.querySelector(":scope > .box");
    const content = box.firstElementChild;
    const explorer = content.querySelector(".explorer");
    const kind = Object.keys(SIZES).find((name) => section.classList.contains(name));
    let [least, most] = SIZES[kind];
    const take = (size) => {
      if (explorer) explorer.style.zoom = size / 100;
      else content.style.fontSize = `${size}px`;
    };
    take(most);
    if (fits(content, box)) return;
    while (least < most - 1) {
      const middle = Math.floor((least + most) / 2);
      take(middle);
      if (fits(content, box)) least = middle;
      else most = middle;
    }
    take(least);
  };

  const theme = () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  };

  const start = async () => {
    root.classList.add("fitting");
    document.body.getBoundingClientRect(); // asks for the fonts
    await document.fonts.ready;
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
