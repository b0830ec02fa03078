"""Runs one submission, in the sandbox, and answers the grader with values.

It imports nothing of the grader's. Lines of JSON go both ways. Whatever a submission does
to this process, it can send nothing but values, and what it sends is judged outside.

    {"ready": true}
    {"notebook": text}                                   from the grader, once
    {"check": id, "answer": value}                       an exercise's answer
      {"call": handle, "arguments": pickle}              from the grader: call its function
      {"returned": value, "changed": {…}}, {"raised": [name, message]}
      {"judged": true}                                   from the grader: go on
    {"cell": id, "raised": text, "checks": [id, …]}      a cell that failed
    {"end": true}
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ALWAYS = (("CORE", 0), ("NOFILE", 256))  # limits
ITEMS = 100_000  # of an iterator that a function returns

functions: list[Callable[..., Any]] = []


def limit(memory: int, disk: int, processes: int | None, user: int | None) -> None:
    """Limits that cannot be raised again. Root becomes a user who owns nothing."""
    if user and os.getuid() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    for kind, value in (("DATA", memory), ("FSIZE", disk), ("NPROC", processes), *ALWAYS):
        if value is not None:
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (value, value))


# --- values ------------------------------------------------------------------------------


def encoded(value: Any, arguments: tuple[Any, ...] = ()) -> Any:
    """A value as JSON. Functions stay here, and are known by a number."""
    import numpy as np
    import torch

    for place, argument in enumerate(arguments):
        if value is argument and isinstance(value, torch.nn.Module):
            return {"argument": place}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if value is ...:
        return {"ellipsis": True}
    if isinstance(value, torch.Tensor):
        return {"tensor": array(as_numpy(value))}
    if isinstance(value, (np.ndarray, np.generic)):
        return {"array": array(np.asarray(value))}
    if isinstance(value, tuple):
        return {"tuple": [encoded(part, arguments) for part in value]}
    if callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    if isinstance(value, Mapping):
        return {"other": type(value).__name__}
    if isinstance(value, Iterable):  # lists, ranges, iterators
        return {"list": [encoded(part, arguments) for part in itertools.islice(value, ITEMS)]}
    return {"other": type(value).__name__}


def as_numpy(tensor: Any) -> Any:
    """A tensor as an array; numpy has no bfloat16."""
    import torch

    here = tensor.detach().cpu()
    here = here if here.layout is torch.strided else here.to_dense()
    return (here.float() if here.dtype is torch.bfloat16 else here).numpy()


def array(values: Any) -> dict[str, Any]:
    """The numbers of an array: their kind, their shape and their bytes."""
    data = base64.b64encode(values.tobytes()).decode()
    return {"kind": values.dtype.str, "shape": list(values.shape), "data": data}


def image(argument: Any) -> Any:
    """What a function could change in an argument, to be compared before and after."""
    import torch

    if isinstance(argument, torch.Tensor):
        return array(as_numpy(argument))
    if isinstance(argument, torch.nn.Module):
        state = {name: array(as_numpy(part)) for name, part in argument.state_dict().items()}
        needs = {name: part.requires_grad for name, part in argument.named_parameters()}
        training = {name: part.training for name, part in argument.named_modules()}
        return {"state": state, "requires_grad": needs, "training": training}
    return None


# --- the conversation --------------------------------------------------------------------


class Line:
    """The line to the grader."""

    def __init__(self, cell_seconds: int) -> None:
        """Take over what was stdin and stdout; prints go to stderr, and input is empty."""
        self.cell_seconds = cell_seconds
        self.asking = False
        self.receiving = os.fdopen(os.dup(0), "rb")
        self.sending = os.fdopen(os.dup(1), "wb")
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.dup2(2, 1)
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace")  # noqa: SIM115

    def send(self, message: dict[str, Any]) -> None:
        """One line to the grader."""
        self.sending.write(json.dumps(message).encode() + b"\n")
        self.sending.flush()

    def receive(self) -> dict[str, Any]:
        """One line from the grader; without a grader there is nothing left to do."""
        line = self.receiving.readline()
        if not line:
            os._exit(1)
        return dict(json.loads(line))

    def ask(self, id: str, answer: Any) -> None:
        """Have an answer judged, and meanwhile call the functions in it."""
        if self.asking:
            raise RuntimeError("one answer at a time: a check within a check is not possible")
        self.asking = True
        signal.alarm(0)  # the grader's time is not the submission's
        try:
            functions.clear()
            self.send({"check": str(id), "answer": encoded(answer)})
            while "judged" not in (request := self.receive()):
                self.send(called(request, self.cell_seconds))
        finally:
            self.asking = False
        signal.alarm(self.cell_seconds)


def called(request: dict[str, Any], seconds: int) -> dict[str, Any]:
    """Call a function with arguments from the grader: what it returns, changes or raises."""
    try:
        signal.alarm(seconds)
        arguments = pickle.loads(base64.b64decode(request["arguments"]))
        before = [image(argument) for argument in arguments]
        value = encoded(functions[request["call"]](*arguments), arguments)
        after = [image(argument) for argument in arguments]
        changed = {str(i): new for i, new in enumerate(after) if new != before[i]}
        answer = {"returned": value, "changed": changed}
        json.dumps(answer)  # what cannot be written down is the function's mistake
    except BaseException as error:
        signal.alarm(0)
        traceback.print_exc()
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        return {"raised": [type(error).__name__, str(said)[:500]]}
    signal.alarm(0)
    return answer


# --- the notebook ------------------------------------------------------------------------


def too_slow(*_: object) -> None:
    """Ends a cell that takes too long."""
    raise TimeoutError("the cell took too long")


def text_of(source: Any) -> str:
    """The source of a cell: a text, or a list of lines."""
    return "".join(source) if isinstance(source, list) else source


def code_cells(text: str) -> list[tuple[str, str]]:
    """The code cells of a notebook, with names to call them by."""
    notebook = json.loads(text)
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    return [
        (str(cell.get("id", f"number {number}")), text_of(cell.get("source", cell.get("input"))))
        for number, cell in enumerate(cells, start=1)
        if cell["cell_type"] == "code"
    ]


def shell() -> Any:
    """IPython, as in a notebook, without colours and without a history."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):  # type: ignore[misc]
        def enable_gui(self, gui: str | None = None) -> None:
            """There is none to be enabled: what ``%matplotlib inline`` asks for."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    return Shell.instance(config=config)


def run(line: Line, text: str) -> None:
    """Run a notebook from top to bottom; a cell that fails does not stop the others."""
    try:
        cells = code_cells(text)
    except Exception as error:
        line.send({"unreadable": f"{type(error).__name__}: {error}"[:300]})
        return
    import course_utils

    course_utils.exercises.ask.append(line.ask)  # type: ignore[attr-defined]
    python = shell()
    signal.signal(signal.SIGALRM, too_slow)
    for name, source in cells:
        print(f"--- {name}", file=sys.stderr, flush=True)
        signal.alarm(line.cell_seconds)
        result = python.run_cell(source)
        signal.alarm(0)
        raised = result.error_before_exec or result.error_in_exec
        if raised is not None:
            checks = sorted(set(re.findall(r"ch\d\d-ex\d+", source)))
            said = f"{type(raised).__name__}: {raised}"
            line.send({"cell": name[:80], "raised": said[:300], "checks": checks[:20]})
    line.send({"end": True})


def bring_fonts() -> None:
    """The list of fonts, where matplotlib looks for it and may write."""
    theirs, mine = os.path.join(os.path.dirname(__file__), "matplotlib"), os.environ["MPLCONFIGDIR"]
    shutil.copytree(theirs, mine, dirs_exist_ok=True)


def main() -> None:
    """The command: ``student_side.py CELL_SECONDS MEMORY DISK [PROCESSES USER]``."""
    cell_seconds, memory, disk, *more = (int(argument) for argument in sys.argv[1:])
    limit(memory, disk, *(more or (None, None)))
    line = Line(cell_seconds)
    bring_fonts()
    line.send({"ready": True})
    run(line, line.receive()["notebook"])
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
