"""How nbval compares a chapter's stored outputs with fresh ones.

Text, whole numbers and the sequence of outputs must be the same. Numbers with a point or
an exponent may differ by 1 %. Embedded pictures are not compared, nor is what libraries
write to stderr. (nbval sees hooks in this file only if it lies at the root: those in tests/
do not reach book/.)

Where the processor rounds in another way than the one that stored a chapter
(``tools/arithmetic.py``), a long training ends elsewhere, as it does from another seed.
There the words and the verdict of each claim must be the same, and no other number is
compared than what a claim predicts.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from tools import arithmetic
from tools.run import KERNEL_ENVIRONMENT

RELATIVE = 1e-2
ABSOLUTE = 1e-12  # rounding errors of sums that are zero

FLOAT = re.compile(r" *[-+−]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?")
NUMBER = re.compile(r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# A spread of exactly 0 is not printed; a list may be longer by one.
NUMBERS = re.compile(r"<number>(?:(?:, | ± )<number>)*")
MEASURED = ("measured", "spread")  # what of a claim another arithmetic changes
BASE64 = re.compile(r"[A-Za-z0-9+/]{100,}={0,2}")

# Chapters are executed here exactly as `make run` executes them.
os.environ.update(KERNEL_ENVIRONMENT)


class Tolerant(str):
    """A text that equals another if only its floats differ, and those by little."""

    def parts(self) -> tuple[str, list[float]]:
        """The text with its floats masked, and the floats."""
        text = BASE64.sub("<base64>", self)
        floats = [float(found.strip().replace("−", "-")) for found in FLOAT.findall(text)]
        return FLOAT.sub("<float>", text), floats

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        (text, floats), (other_text, other_floats) = self.parts(), Tolerant(other).parts()
        return text == other_text and all(
            math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
            for a, b in zip(floats, other_floats, strict=True)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def tolerant(value: Any) -> Any:
    """What nbval compares instead of an output: JSON as text, text with tolerance."""
    if isinstance(value, dict | list):
        value = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return Tolerant(value) if isinstance(value, str) else value


def without_measurements(value: Any) -> Any:
    """What is compared where the arithmetic differs: a claim as text, text without numbers."""
    if isinstance(value, dict) and value.keys() >= {*MEASURED, "holds"}:
        return tolerant({key: value[key] for key in value if key not in MEASURED})
    if not isinstance(tolerant(value), str):
        return value
    text = NUMBER.sub("<number>", BASE64.sub("<base64>", tolerant(value)))
    return " ".join(NUMBERS.sub("<number>", text.replace("\\", " ")).split())


def comparison_for(notebook: Any) -> Callable[[Any], Any]:
    """Numbers count where this machine rounds as the one that stored the notebook."""
    stored_by = notebook.metadata.get(arithmetic.KEY)
    same = stored_by in (None, arithmetic.name(KERNEL_ENVIRONMENT))
    return tolerant if same else without_measurements


def named_cells(chapter: Any) -> Callable[[], Iterator[Any]]:
    """nbval's own collection, with each cell named by its id and compared with tolerance."""
    collect = chapter.collect

    def collect_named() -> Iterator[Any]:
        for item in collect():
            given = {"cell_num": item.cell_num, "cell": item.cell, "options": item.options}
            named = type(item).from_parent(chapter, name=item.cell.id, **given)
            exact = named.sanitize
            compared = comparison_for(chapter.nb)
            named.sanitize = lambda value, exact=exact, to=compared: to(exact(value))
            named.reportinfo = lambda cell=item.cell: (chapter.path, 0, cell.id)
            yield named

    return collect_named


def pytest_collectstart(collector: Any) -> None:
    """Adapt nbval to chapters; stderr is not compared, but an error is still an error."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
        collector.collect = named_cells(collector)
