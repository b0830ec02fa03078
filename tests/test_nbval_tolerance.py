"""nbval's comparison of stored with fresh outputs: seen green where it should be, and red.

One notebook is executed once. Each of its cells stores what a cell of a chapter might
have stored, and nbval says which of them differ.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_notebook, new_output

from conftest import Tolerant
from tests.chapter_factory import CLAIM, cell, display, write
from tools import arithmetic
from tools.chapters import CLAIM_MIME, NOTEBOOK_METADATA
from tools.run import KERNEL_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Control:
    """A cell, what it stores, and whether nbval must accept it."""

    name: str
    source: str
    stored: Sequence[NotebookNode]
    accepted: bool


TEXT = "loss 0.125 after 40 steps, slope -0.0625"
LINE = f"print({TEXT!r})"


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def edited(was: str, becomes: str) -> NotebookNode:
    return printed(TEXT.replace(was, becomes) + "\n")


def shows(data: dict[str, Any]) -> str:
    return f"from IPython.display import display\ndisplay({data!r}, raw=True)"


def claim(**changed: Any) -> dict[str, Any]:
    return {CLAIM_MIME: CLAIM | changed, "text/plain": "Holds."}


IMAGE = "<img src='data:image/png;base64,{}'>"
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])

CONTROLS = [
    Control("same", LINE, [edited("", "")], True),
    Control("by-a-thousandth", LINE, [edited("0.125", "0.1251")], True),
    Control("wider-column", "print('a  9.99')", [printed("a 10.01\n")], True),
    Control("signed-zero", "print('mean -0.000')", [printed("mean 0.000\n")], True),
    Control("exponent", "print('1.00e-09')", [printed("9.99e-10\n")], True),
    Control("by-a-tenth", LINE, [edited("0.125", "0.1375")], False),
    Control("tiny-by-a-tenth", "print('1.00e-09')", [printed("1.10e-09\n")], False),
    Control("sign", LINE, [edited("-0.0625", "0.0625")], False),
    Control("minus-sign", "print('−0.5')", [printed("0.5\n")], False),
    Control("whole-number", LINE, [edited("40", "41")], False),
    Control("text", LINE, [edited("loss", "cost")], False),
    Control("one-number-more", "print('0.5')", [printed("0.5 0.5\n")], False),
    Control("output-missing", "print('0.5')", [], False),
    Control("output-too-many", "x = 1", [printed("0.5\n")], False),
    Control("claim", shows(claim()), [display(claim(measured=0.4904))], True),
    Control("claim-flipped", shows(claim()), [display(claim(holds=False))], False),
    Control("claim-sign", shows(claim()), [display(claim(predicted=-0.5))], False),
    Control("claim-by-a-tenth", shows(claim()), [display(claim(measured=0.539))], False),
    Control("claim-seeds", shows(claim()), [display(claim(seeds=19))], False),
    Control("claim-text", shows(claim()), [display(claim(statement="Heads."))], False),
    Control(
        "picture-in-html",
        shows({"text/html": IMAGE.format("A" * 400)}),
        [display({"text/html": IMAGE.format("B" * 300)})],
        True,
    ),
    Control(
        "words-in-html",
        shows({"text/html": "<p>the loss falls</p>"}),
        [display({"text/html": "<p>the loss rises</p>"})],
        False,
    ),
    Control("stderr", "import sys\nprint('a warning', file=sys.stderr)", [], True),
    Control("error", "raise ValueError('no')", [ERROR], False),
    Control("one-thread", "import torch\nprint(torch.get_num_threads())", [printed("1\n")], True),
]


def run_nbval(folder: Path) -> dict[str, bool]:
    """Whether nbval accepts each cell of the notebooks in a folder, by the cell's name."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    command += [f"--junitxml={report}", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.is_file(), result.stdout + result.stderr
    return {
        case.get("name", ""): case.find("failure") is None
        for case in ET.parse(report).iter("testcase")
    }


ELSEWHERE = {
    # What another kind of processor may change, and what not.
    **{control.name: control.accepted for control in CONTROLS},
    **dict.fromkeys(("by-a-tenth", "tiny-by-a-tenth", "sign", "minus-sign", "whole-number"), True),
    **dict.fromkeys(("claim-by-a-tenth",), True),
}


def accepted_in(folder: Path, metadata: dict[str, Any]) -> dict[str, bool]:
    cells = []
    for number, control in enumerate(CONTROLS, start=1):
        each = cell(control.name, control.source)
        each.outputs, each.execution_count = list(control.stored), number
        cells.append(each)
    notebook = new_notebook(cells=cells, metadata=NOTEBOOK_METADATA | metadata)
    write(notebook, folder / "controls.ipynb")
    return run_nbval(folder)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    here = arithmetic.name(KERNEL_ENVIRONMENT)
    return accepted_in(tmp_path_factory.mktemp("controls"), {arithmetic.KEY: here})


@pytest.fixture(scope="module")
def accepted_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    return accepted_in(tmp_path_factory.mktemp("elsewhere"), {arithmetic.KEY: "another"})


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_nbval(control: Control, accepted: dict[str, bool]) -> None:
    assert accepted[control.name] is control.accepted


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_stored_on_another_processor(control: Control, accepted_elsewhere: dict[str, bool]) -> None:
    assert accepted_elsewhere[control.name] is ELSEWHERE[control.name]


def test_one_machine_has_one_arithmetic_and_another_order_of_sums_another() -> None:
    one, again = (arithmetic.of_kernels((*KERNEL_ENVIRONMENT.items(), ("RUN", n))) for n in "12")
    assert one == again == arithmetic.name(KERNEL_ENVIRONMENT)
    assert re.fullmatch("[0-9a-f]{8}", one)
    other = {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"}
    other["OPENBLAS_CORETYPE"] = "Prescott"
    if platform.machine() == "x86_64":
        assert arithmetic.name({**KERNEL_ENVIRONMENT, **other}) != one


def test_nothing_was_left_out(accepted: dict[str, bool]) -> None:
    assert set(accepted) == {control.name for control in CONTROLS}


def test_tolerance_is_one_per_cent() -> None:
    assert Tolerant("x 1.000") == Tolerant("x 1.009")
    assert Tolerant("x 1.000") != Tolerant("x 1.011")
