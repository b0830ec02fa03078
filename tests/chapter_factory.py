"""Small chapters for tests: one that breaks no rule, to be broken one rule at a time."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.chapters import (
    CHECK_MIME,
    CLAIM_MIME,
    NOTEBOOK_METADATA,
    SETUP_ID,
    SETUP_METADATA,
    setup_source,
)

CLAIM: dict[str, Any] = {
    "id": "ch02-half",
    "statement": "A coin shows heads half the time.",
    "source": "symmetry",
    "relation": "equal",
    "predicted": 0.5,
    "measured": 0.49,
    "spread": 0.1,
    "seeds": 20,
    "tolerance": 0.1,
    "holds": True,
    "expected": True,
}

TEXT = """\
# A chapter

Prose with $x$, a [link](https://example.org/a#b), `code](#a)` and [a chapter](01_first.ipynb).

> **Note.** A quote that becomes a box.

> **Exercise 2.1.** One with a number.

> A plain quotation.

$$\\begin{aligned} a &= b \\tag{2.1} \\end{aligned}$$

```python
x = "{role}`text` and :::"
```

<details><summary>More</summary>

Hidden text.

</details>
"""


def cell(cell_id: str, source: str = "1", *, tags: tuple[str, ...] = ()) -> NotebookNode:
    """A code cell without outputs."""
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(source, id=cell_id, metadata=metadata)


def display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> NotebookNode:
    """A stored output."""
    return new_output("display_data", data=copy.deepcopy(data), metadata=metadata or {})


def verdict(passed: bool) -> NotebookNode:
    """The stored output of a check."""
    return display({CHECK_MIME: {"id": "ch02-ex1", "passed": passed, "attempted": passed}})


def clean_notebook() -> NotebookNode:
    """A chapter 2 that breaks no rule."""
    setup = new_code_cell(setup_source(), id=SETUP_ID, metadata=copy.deepcopy(SETUP_METADATA))
    figure = cell("loss-over-steps", "cu.show(figure, alt)  # not run;")
    alt = {"image/png": {"alt": "The loss falls from 2.3 to 0.1."}}
    figure.outputs = [display({"image/png": "aGVsbG8=", "text/plain": "A figure"}, alt)]
    explorer = cell("explorer", "cu.explore(draw)")
    page = '<div aria-label="The loss for each step size"><script>draw()</script></div>'
    explorer.outputs = [display({"text/html": page, "image/png": "aGVsbG8="}, alt)]
    claim = cell("claim-half", "cu.claim()")
    claim.outputs = [display({CLAIM_MIME: CLAIM, "text/plain": "Holds: 0.5."})]
    quiz = cell("quiz", 'cu.quiz("ch02")')
    folded = "<details><summary>Answer</summary>The right answer: Yes.</details>" * 3
    quiz_page = f'<div class="course-quiz">{folded}<script>ask()</script>\n</div>'
    quiz.outputs = [display({"text/html": quiz_page, "text/plain": "1. Why?"})]
    stub = cell("exercise-1", 'x = ...\ncu.check("ch02-ex1", x)', tags=("exercise",))
    stub.outputs = [verdict(False)]
    tags = ("solution", "hide-cell")
    solution = cell("solution-1", 'x = 1\ncu.check("ch02-ex1", x)', tags=tags)
    solution.outputs = [verdict(True)]
    cells = [setup, figure, explorer, claim, quiz, stub, solution]
    for number, each in enumerate(cells, start=1):
        each.execution_count = number
    text = new_markdown_cell(TEXT, id="what-it-is-about")
    return new_notebook(cells=[text, *cells], metadata=copy.deepcopy(NOTEBOOK_METADATA))


def write(notebook: NotebookNode, path: Path) -> Path:
    """Store a notebook as it is, mistakes included."""
    path.write_text(nbformat.v4.writes(notebook) + "\n", encoding="utf-8")
    return path
