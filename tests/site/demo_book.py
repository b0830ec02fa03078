"""A small book with everything that a chapter may hold, for tests of the site."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat import v4 as nb
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CLAIM = "application/vnd.course.claim+json"
ALT = "A grey square that stands for a figure"

SET_UP = '# @title Set up {display-mode: "form"}\nimport course_utils as cu'

PROSE = r"""# A demonstration chapter

This chapter shows everything that a page may hold, inline ($x_{ij}$), included.

Two commas: $\mu^2/(\mu^2+\sigma^2+\tau^2)$, $y$, $z$ stay.

## Mathematics

$$
\Delta w_j = -\eta \sum_{i=1}^{m} \delta_i x_{ij} \tag{2.1}
$$

$$
\begin{aligned}
\kappa &= \left(\frac{t + \sqrt{t^2 - 4}}{2}\right)^2 \\
t &= 2 + n\mu^2 + \underbrace{a + b + c + d + e + f + g + h + i + j + k + l + m}_{\text{wide}} + n
\end{aligned}
$$

1. In a list: $\rho = \mu^2/(\mu^2+\sigma^2)$, and as a block

   $$
   \tfrac12 + \frac{\arcsin\rho}{\pi}
   $$

| quantity | value | a long third column |
|---|---|---|
| $\lambda_{\max}$ | $1 + n\mu^2$ | the largest eigenvalue of the matrix of second moments |
| `n` | 100 | [the next chapter](other.ipynb) |

> **Note.** Nested content: $a^2$,
>
> - an item with $b^2$;
>
> $$
> c^2 = a^2 + b^2
> $$

> **Predict.** Will it zig-zag?

> **Exercise 2.1.** Measure it.

> **Widely repeated, and wrong.** All weights always move together.

> **Going deeper.** The rest.

> An ordinary quotation, with a **bold.** word inside.

<details><summary>Solution</summary>

Hidden $h = 1$ and

$$
\sum_i x_i = 0
$$

```python
print("in details")
```

</details>
"""


@dataclass
class Result:
    """What a build printed, and where it wrote the site."""

    code: int
    output: str
    site: Path

    def page(self, name: str) -> str:
        """The HTML of one page, by its path without suffix."""
        return (self.site / f"{name}.html").read_text("utf-8")


def claim(**changes: Any) -> dict[str, Any]:
    """A claim as a chapter stores it; change its fields by name."""
    data: dict[str, Any] = {
        "id": "ch02-demo",
        "statement": "The share of same-sign updates is one half.",
        "source": "LeCun et al. 1998, https://doi.org/10.1007/3-540-49430-8_2",
        "relation": "equal",
        "predicted": 0.5,
        "measured": 0.5012,
        "spread": 0.0123,
        "seeds": 20,
        "tolerance": 0.02,
        "holds": True,
        "expected": True,
    }
    return data | changes


def code_cell(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> NotebookNode:
    """An executed code cell."""
    metadata = {"tags": list(tags)} if tags else {}
    return nb.new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def claim_cell(data: dict[str, Any]) -> NotebookNode:
    """A cell that made a claim."""
    verdict = "Holds" if data["holds"] else "Does not hold"
    line = (
        f"{verdict} ({data['id']}): {data['statement']} Predicted {data['predicted']}; measured "
        f"{data['measured']} ± {data['spread']} ({data['seeds']} seeds)."
    )
    return code_cell(
        "cu.claim(...)", nb.new_output("display_data", {"text/plain": line, CLAIM: data})
    )


def figure_cell(alt: str | None = ALT) -> NotebookNode:
    """A cell that drew a figure."""
    stream = io.BytesIO()
    Image.new("RGB", (640, 300), (190, 190, 190)).save(stream, "PNG")
    png = base64.b64encode(stream.getvalue()).decode()
    metadata = {"image/png": {"alt": alt}} if alt else {}
    data = {"image/png": png, "text/plain": "<Figure size 640x300>"}
    return code_cell("cu.show(figure)", nb.new_output("display_data", data, metadata=metadata))


def chapter(*cells: NotebookNode, title: str = "# Another chapter") -> NotebookNode:
    """A notebook with a title and some cells."""
    notebook = nb.new_notebook(cells=[nb.new_markdown_cell(title), *cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook


def demonstration() -> NotebookNode:
    """The chapter that holds everything."""
    printed = nb.new_output("stream", name="stdout", text="share of same-sign steps  0.501\n" * 2)
    wrong = claim(
        id="ch02-wrong", statement="Every step moves all weights together.", expected=False,
        holds=False, relation="at_least", predicted=1, measured=0.62,
    )  # fmt: skip
    long_line = "very_long_name = " + " + ".join(f"term_{i}" for i in range(30))
    return chapter(
        code_cell(SET_UP, tags=("hide-cell",)),
        code_cell("answer = 43", tags=("solution", "hide-cell")),
        figure_cell(),
        claim_cell(claim()),
        claim_cell(wrong),
        claim_cell(claim(id="ch02-fails", statement="This one fails.", holds=False, measured=0.71)),
        code_cell(long_line + "\n\n# a comment\nfor i in range(3):\n    print(i)", printed),
        code_cell("answer = 42  # hidden", printed, tags=("hide-input",)),
        title=PROSE,
    )


def write_book(folder: Path, chapters: dict[str, NotebookNode]) -> Path:
    """A copy of the site's own files, with these chapters and the page of claims."""
    (folder / "book" / "reference").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", folder)
    for name in ("_ext", "_assets"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "book" / "reference" / "claims.md", folder / "book" / "reference")
    (folder / "book" / "intro.md").write_text("# A book\n\nIt is small.\n", "utf-8")
    files = [f"book/{name}" for name in chapters] + ["book/reference/claims"]
    toc = {"format": "jb-book", "root": "book/intro", "chapters": [{"file": f} for f in files]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    for name, notebook in chapters.items():
        nbformat.write(notebook, folder / "book" / f"{name}.ipynb")
    return folder


def build(folder: Path, output: Path | None = None) -> Result:
    """Build a book as the Makefile does."""
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(folder), "-W", "--keep-going"]
    command += ["--path-output", str(output)] if output else []
    done = subprocess.run(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
        timeout=300,
    )
    return Result(done.returncode, done.stdout, (output or folder) / "_build" / "html")
