// Renders formulas: one JSON object a line from stdin, one answer a line to stdout.
// It ends by itself when stdin closes, so no build can leave it behind.
// Usage: node katex_renderer.js PATH_OF_KATEX
const katex = require(process.argv[2]);

function answer(line) {
  const { latex, options } = JSON.parse(line);
  try {
    return { html: katex.renderToString(latex, options) };
  } catch (error) {
    return { error: error.message };
  }
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(JSON.stringify(answer(line)) + "\n"));
