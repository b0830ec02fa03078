"""Buttons that lead out of the site, and the links of a published chapter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from book._ext.address import buttons_of
from tests.site.demo_book import Result, build, chapter, write_book
from tools.publish import Address, changes

ADDRESS = Address.parse("https://github.com/Ada/her-fork", "v1.0")
COLAB = "https://colab.research.google.com/github/"
CHAPTER = "book/02_second.ipynb"
PUBLISHED = {"course_repository": ADDRESS.repository, "course_tag": ADDRESS.tag}
UNPUBLISHED = {"course_repository": "", "course_tag": ""}


def addresses(page: str, values: dict[str, str]) -> list[str]:
    """Where the buttons of a page lead."""
    found: list[str] = []
    for button in buttons_of(page, SimpleNamespace(**values)):  # type: ignore[arg-type]
        found += [each["url"] for each in button.get("buttons", [button])]
    return found


@pytest.fixture(autouse=True)
def not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_REPOSITORY", "GITHUB_SHA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def on_github(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to be a workflow of a repository."""

    def workflow_of(repository: str) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_REPOSITORY", repository)
        monkeypatch.setenv("GITHUB_SHA", "0123abc")

    return workflow_of


def test_unpublished_there_is_no_button() -> None:
    assert addresses(CHAPTER, UNPUBLISHED) == []


def test_published_chapter() -> None:
    colab, repository, problem = addresses(CHAPTER, PUBLISHED)
    assert colab == f"{COLAB}Ada/her-fork/blob/v1.0/{CHAPTER}"
    assert repository == "https://github.com/Ada/her-fork"
    assert problem == f"{repository}/issues/new?title=On%20{CHAPTER}"


def test_published_page_of_text() -> None:
    found = addresses("book/intro.md", PUBLISHED)
    assert found[-1] == "https://github.com/Ada/her-fork/edit/main/book/intro.md"
    assert not [address for address in found if address.startswith(COLAB)]


def test_a_fork_on_github_leads_to_itself(on_github: Any) -> None:
    on_github("bob/his-fork")
    assert addresses(CHAPTER, PUBLISHED) == [
        f"{COLAB}bob/his-fork/blob/0123abc/{CHAPTER}",
        "https://github.com/bob/his-fork",
    ]


def test_the_published_repository_on_github_keeps_its_tag(on_github: Any) -> None:
    before = addresses(CHAPTER, PUBLISHED)
    on_github("ada/her-fork")
    assert addresses(CHAPTER, PUBLISHED) == before


def test_colab_is_offered_only_where_the_course_can_be_installed(on_github: Any) -> None:
    on_github("bob/his-fork")
    assert addresses(CHAPTER, UNPUBLISHED) == ["https://github.com/bob/his-fork"]


def published_book(folder: Path, link: str) -> Result:
    """Publish a book of two chapters, one of which links to ``link``, and build it."""
    first = chapter(title=f"# The first chapter\n\nSee [there]({link}).")
    write_book(folder, {"01_first": first, "02_second": chapter(title="# The second chapter")})
    for name in ("CITATION.cff", "tools/setup_cell.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((Path(__file__).parents[2] / name).read_bytes())
    for path, text in changes(folder, ADDRESS).items():
        path.write_text(text)
    return build(folder)


def test_a_published_site(tmp_path: Path) -> None:
    result = published_book(tmp_path, "reference/claims.md")
    assert result.code == 0, result.output
    stored = (tmp_path / "book" / "01_first.ipynb").read_text()
    assert f"({ADDRESS.site}book/reference/claims.html)" in stored
    page = BeautifulSoup(result.page("book/01_first"), "html.parser")
    links = [str(link["href"]) for link in page.select("article a")]
    assert "reference/claims.html" in links, "the link to the site is not one within the site"
    assert not [link for link in links if link.startswith(ADDRESS.site)]
    assert not page.select("article img"), "Colab's badge belongs into the notebook only"
    header = [str(link["href"]) for link in page.select(".article-header-buttons a")]
    assert f"{COLAB}Ada/her-fork/blob/v1.0/book/01_first.ipynb" in header
    assert [link for link in header if link.endswith("_sources/book/01_first.ipynb")]
    canonical = page.select_one("link[rel=canonical]")
    assert canonical is not None
    assert canonical["href"] == f"{ADDRESS.site}book/01_first.html"


def test_a_published_link_to_a_missing_chapter_stops_the_build(tmp_path: Path) -> None:
    result = published_book(tmp_path, f"{ADDRESS.site}book/07_gone.html")
    assert result.code != 0
    assert "07_gone.ipynb" in result.output
