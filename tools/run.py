"""Execute chapters and store their outputs.

    python -m tools.run              all chapters, in place
    python -m tools.run 02           one chapter
    python -m tools.run --check      execute, and say whether the stored bytes would stay

A chapter is written only if every cell ran, and then as a whole. One that has not
changed comes out identical to the byte on the same kind of processor: one thread, fixed seeds,
no timings, fixed metadata (``arithmetic`` says which kind it was).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools import arithmetic
from tools.chapters import (
    CELL_METADATA,
    NOTEBOOK_METADATA,
    SETUP_ID,
    SETUP_METADATA,
    find,
    setup_source,
)

CELL_SECONDS = 300
AT_ONCE = 2

# One thread, because sums in another order end in other digits.
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    "COURSE_SEED_OFFSET": "0",
}


class ChapterError(Exception):
    """A cell of a chapter did not run: the message says which, and why."""


@dataclass
class Executed:
    """A chapter with fresh outputs, and the seconds that it took."""

    notebook: NotebookNode
    seconds: float


def tidy(notebook: NotebookNode) -> None:
    """Put in the canonical setup cell and fixed metadata; drop what editors leave behind."""
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        if cell.id == SETUP_ID:
            cell.source = setup_source()
            cell.metadata = nbformat.from_dict(SETUP_METADATA)
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        )


async def execute(path: Path, environment: Mapping[str, str] | None = None) -> Executed:
    """Run a chapter in a fresh kernel, in the chapter's own folder. Nothing is written.

    Args:
        path: the chapter.
        environment: variables for the kernel, besides ``KERNEL_ENVIRONMENT``.

    Raises:
        ChapterError: if a cell raises, takes too long, or ends the kernel.
    """
    notebook = nbformat.read(path, as_version=4)
    tidy(notebook)
    seconds = await run_cells(notebook, path, environment or {})
    tidy(notebook)
    return Executed(notebook, seconds)


async def run_cells(
    notebook: NotebookNode,
    path: Path,
    environment: Mapping[str, str],
    kernel: str = "python3",
    cell_seconds: int = CELL_SECONDS,
) -> float:
    """Run a notebook as it stands, as if it lay at ``path``, and return the seconds it took.

    Raises:
        ChapterError: if a cell raises, takes too long, or ends the kernel.
    """
    running: list[str] = []
    client = NotebookClient(
        notebook,
        kernel_name=kernel,
        timeout=cell_seconds,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # else each kernel remarks on its transport
        coalesce_streams=True,
        shutdown_kernel="immediate",  # two seconds less, and a kernel has nothing to save
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: running.append(cell.id),
    )
    started = time.perf_counter()
    try:
        await client.async_execute(env={**os.environ, **KERNEL_ENVIRONMENT, **environment})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(f"{path.name}#{running[-1]} failed:\n{error}") from None
    return time.perf_counter() - started


def to_bytes(notebook: NotebookNode) -> bytes:
    """The one way in which a chapter is written down."""
    text: str = nbformat.writes(notebook)
    return (text.rstrip("\n") + "\n").encode()


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once, so that nobody ever reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


async def run_one(path: Path, turn: asyncio.Semaphore, check: bool) -> bool:
    """Execute one chapter, store it or compare it, and report. True if all is well."""
    async with turn:
        try:
            executed = await execute(path)
        except ChapterError as error:
            print(f"{error}\n{path.name}: left as it was.", file=sys.stderr)
            return False
    executed.notebook.metadata[arithmetic.KEY] = arithmetic.name(KERNEL_ENVIRONMENT)
    fresh = to_bytes(executed.notebook)
    same = fresh == path.read_bytes()
    if not same and not check:
        write_whole(path, fresh)
    verdict = "identical" if same else "would change" if check else "written"
    print(f"{path.name}: {executed.seconds:.1f} s, {verdict}", flush=True)
    return same or not check


async def run_all(paths: Sequence[Path], check: bool = False) -> bool:
    """Execute chapters, ``AT_ONCE`` at a time. True if all is well with every one."""
    turn = asyncio.Semaphore(AT_ONCE)
    return all(await asyncio.gather(*(run_one(path, turn, check) for path in paths)))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every chapter ran (and, with --check, stayed the same)."""
    parser = argparse.ArgumentParser(prog="tools.run", description="Execute chapters in place.")
    parser.add_argument("chapter", nargs="*", help="a number such as 02, or a path; none means all")
    parser.add_argument("--check", action="store_true", help="write nothing; say what would change")
    options = parser.parse_args(arguments)
    return 0 if asyncio.run(run_all(find(options.chapter), options.check)) else 1


if __name__ == "__main__":
    sys.exit(main())
