"""Do the claims still hold under seeds that nobody has looked at?

    python -m tools.robust --offsets 10          offsets 1 to 10, all chapters
    python -m tools.robust --start random 02     ten offsets nobody chose, one chapter

Executes each chapter once for each offset, with COURSE_SEED_OFFSET set, and reads
only its claims. Nothing is stored. Ends with 1 if any claim came out otherwise than
expected, or if a cell failed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tools.chapters import CLAIM_MIME, find
from tools.run import AT_ONCE, ChapterError, execute

Claim = dict[str, Any]


@dataclass
class Run:
    """One chapter under one offset: its claims, or the error that ended it."""

    chapter: str
    offset: int
    claims: list[Claim]
    error: str | None = None


def claims_in(notebook: NotebookNode) -> list[Claim]:
    """The claims stored in a chapter's outputs, in order."""
    return [
        output.data[CLAIM_MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if CLAIM_MIME in output.get("data", {})
    ]


def margin(claim: Claim) -> float:
    """How far inside the claim the measurement lies, in the units of the measurement.

    Negative outside; −∞ if the measurement was not finite. For ``between``, ``predicted``
    is a pair.
    """
    measured, predicted, tolerance = claim["measured"], claim["predicted"], claim["tolerance"]
    if measured is None:
        return -math.inf
    relation = claim["relation"]
    if relation == "equal":
        return float(tolerance - abs(measured - predicted))
    if relation == "at_most":
        return float(predicted + tolerance - measured)
    if relation == "at_least":
        return float(measured - predicted + tolerance)
    if relation == "between":
        low, high = predicted
        return float(min(measured - low, high - measured) + tolerance)
    raise ValueError(f"unknown relation {relation!r} in claim {claim['id']!r}")


def worst_margin(claims: Iterable[Claim]) -> float:
    """The smallest margin on the expected side: inside if true, outside if false."""
    return min(margin(claim) if claim["expected"] else -margin(claim) for claim in claims)


async def run_offset(path: Path, offset: int, turn: asyncio.Semaphore) -> Run:
    """Execute one chapter under one offset and keep its claims."""
    async with turn:
        try:
            executed = await execute(path, {"COURSE_SEED_OFFSET": str(offset)})
        except ChapterError as error:
            return Run(path.name, offset, [], str(error))
    print(f"{path.name}, offset {offset}: {executed.seconds:.1f} s", file=sys.stderr, flush=True)
    return Run(path.name, offset, claims_in(executed.notebook))


async def run_offsets(paths: Sequence[Path], offsets: Sequence[int]) -> list[Run]:
    """Every chapter under every offset, ``AT_ONCE`` at a time."""
    turn = asyncio.Semaphore(AT_ONCE)
    return await asyncio.gather(
        *(run_offset(path, offset, turn) for path in paths for offset in offsets)
    )


def faults_in(runs: Sequence[Run]) -> list[str]:
    """What came out otherwise than expected, one line each."""
    faults = [f"{run.chapter}, offset {run.offset}: {run.error}" for run in runs if run.error]
    known = {(run.chapter, claim["id"]) for run in runs for claim in run.claims}
    for run in runs:
        found = {(run.chapter, claim["id"]) for claim in run.claims}
        for chapter, claim_id in sorted(known - found):
            if chapter == run.chapter and not run.error:
                faults.append(f"{claim_id}, offset {run.offset}: the chapter did not make it")
        for claim in run.claims:
            if claim["holds"] != claim["expected"]:
                faults.append(
                    f"{claim['id']}, offset {run.offset}: "
                    f"{'holds' if claim['holds'] else 'does not hold'}; "
                    f"predicted {claim['predicted']}, measured {claim['measured']} "
                    f"± {claim['spread']}, tolerance {claim['tolerance']}"
                )
    return faults


def table(runs: Sequence[Run]) -> str:
    """One line a claim: what is expected, how often it came out so, the worst margin."""
    by_id: dict[str, list[Claim]] = {}
    for run in runs:
        for claim in run.claims:
            by_id.setdefault(claim["id"], []).append(claim)
    width = max([len(claim_id) for claim_id in by_id] + [len("claim")])
    lines = [f"{'claim':<{width}}  expected  as expected  worst margin"]
    for claim_id, claims in by_id.items():
        good = sum(claim["holds"] == claim["expected"] for claim in claims)
        expected = "holds" if claims[0]["expected"] else "fails"
        count = f"{good} of {len(claims)}"
        lines.append(f"{claim_id:<{width}}  {expected:<8}  {count:<11}  {worst_margin(claims):.3g}")
    return "\n".join(lines)


def report(runs: Sequence[Run]) -> tuple[str, bool]:
    """The table of claims and what differs; whether everything came out as expected."""
    faults = faults_in(runs)
    verdict = "\n".join(faults) or "Every claim came out as expected."
    return f"{table(runs)}\n\n{verdict}", not faults


def first_offset(text: str) -> int:
    """The value of ``--start``: a whole number from 1, or ``random``."""
    return random.randint(1_000, 900_000) if text == "random" else max(1, int(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if every claim came out as expected under every offset."""
    parser = argparse.ArgumentParser(prog="tools.robust", description="Claims under fresh seeds.")
    parser.add_argument("chapter", nargs="*", help="a number such as 02, or a path; none means all")
    parser.add_argument("--offsets", type=int, default=10, help="how many (10)")
    parser.add_argument("--start", type=first_offset, default=1, help="the first (1), or random")
    options = parser.parse_args(arguments)
    offsets = range(options.start, options.start + options.offsets)
    print(f"Offsets {offsets.start} to {offsets.stop - 1}.")
    runs = asyncio.run(run_offsets(find(options.chapter), offsets))
    text, good = report(runs)
    print(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
