"""Check that the built site holds the pages of the table of contents, and no others.

Usage: python tools/check_site.py [BUILT_SITE]

A build can stay green and write nothing: Jupyter Book 2, for instance, reads neither
``_config.yml`` nor ``_toc.yml``. So the pages are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
# Written by Sphinx or Jupyter Book themselves: no page of ours stands behind them.
GENERATED = {"index", "genindex", "search"}


def pages_in(entry: Any) -> Iterator[str]:
    """The pages named in a table of contents, without their suffix, in order."""
    if isinstance(entry, list):
        for each in entry:
            yield from pages_in(each)
    elif isinstance(entry, dict):
        for key, value in entry.items():
            if key in ("root", "file"):
                yield str(value).removesuffix(".md").removesuffix(".ipynb")
            else:
                yield from pages_in(value)


def built_pages(site: Path) -> set[str]:
    """The pages of a built site, without their suffix."""
    paths = (path.relative_to(site) for path in site.rglob("*.html"))
    names = {path.with_suffix("").as_posix() for path in paths if path.parts[0] != "_static"}
    return names - GENERATED


def problems(toc: Path, site: Path) -> list[str]:
    """What is wrong with a built site, one sentence each; empty when nothing is."""
    expected = list(pages_in(yaml.safe_load(toc.read_text("utf-8"))))
    built = built_pages(site)
    found = [
        f"missing: {page}.html, which {toc.name} lists" for page in expected if page not in built
    ]
    found += [f"not in {toc.name}: {page}.html" for page in sorted(built - set(expected))]
    if not (site / "index.html").is_file():
        found.append("missing: index.html, the address that a reader opens first")
    return found


def main(arguments: list[str]) -> int:
    """Print what is wrong, or how many pages there are; 0 when all is well."""
    site = Path(arguments[0]) if arguments else ROOT / "_build" / "html"
    found = problems(ROOT / "_toc.yml", site)
    if found:
        print(f"The site in {site} does not match the table of contents:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in found), file=sys.stderr)
        return 1
    print(f"{len(built_pages(site))} pages, as the table of contents says.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
