"""Where the course is published, and what a page makes of it: buttons and checked links.

`make publish` writes the repository, the tag and the site's address into _config.yml.
Without them a page has no button that leads out of the site. A build on GitHub takes the
address of the repository that it runs in, so that a fork's site leads to the fork.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

COLAB = "https://colab.research.google.com/github"


def built_from(config: Config) -> tuple[str, str]:
    """The repository that the site leads to, and what Colab opens in it; empty for neither.

    In a fork, Colab opens the commit that is built: tags may be missing there. As long as
    nothing is published, a notebook in Colab could not install the course.
    """
    repository, tag = str(config.course_repository), str(config.course_tag)
    name = os.environ.get("GITHUB_REPOSITORY", "")
    here = f"https://github.com/{name}"
    on_github = os.environ.get("GITHUB_ACTIONS") == "true" and name
    if not on_github or here.lower() == repository.lower():
        return repository, tag
    return here, os.environ.get("GITHUB_SHA", "") if tag else ""


def link(text: str, url: str, **more: str) -> dict[str, Any]:
    """One button, as the theme's template wants it."""
    return {"type": "link", "text": text, "url": url} | more


def buttons_of(page: str, config: Config) -> list[dict[str, Any]]:
    """The buttons of a page that lead out of the site.

    Args:
        page: the page's file, from the root of the repository; empty for a page without one.
        config: the site's configuration.
    """
    repository, in_colab = built_from(config)
    if not repository:
        return []
    links = [link("Repository", repository)]
    if repository == config.course_repository:  # GitHub gives a fresh fork no issues
        title = quote(f"On {page}" if page else "On the site")
        links.append(link("Report a problem", f"{repository}/issues/new?title={title}"))
    if page.endswith(".md"):  # GitHub's editor does not understand notebooks
        links.append(link("Suggest a change", f"{repository}/edit/main/{page}"))
    group = {
        "type": "group",
        "tooltip": "The course on GitHub",
        "icon": "fas fa-code",
        "buttons": links,
        "label": "source-buttons",
    }
    if not (page.endswith(".ipynb") and in_colab):
        return [group]
    address = f"{COLAB}/{repository.removeprefix('https://github.com/')}/blob/{in_colab}/{page}"
    return [link("Colab", address, tooltip="Open this chapter in Colab"), group]


def add_buttons(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    document: nodes.document | None,
) -> None:
    """Put the buttons before the theme's own."""
    page = "" if document is None else str(app.env.doc2path(pagename, base=False))
    context["header_buttons"][:0] = buttons_of(page, app.config)


def relative_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Turn the links of a published chapter back into links between files, which are checked."""
    site = app.config.html_baseurl
    if not site:
        return

    def relative(found: re.Match[str]) -> str:
        page = Path(app.srcdir, found[2])
        suffix = ".md" if page.with_suffix(".md").is_file() else ".ipynb"
        return found[1] + posixpath.relpath(found[2], posixpath.dirname(docname)) + suffix

    link_to_page = re.compile(rf"(\]\(<?|\]: *<?){re.escape(site)}(book/[\w/-]+)\.html")
    source[0] = link_to_page.sub(relative, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry point."""
    app.add_config_value("course_repository", "", "html", str)
    app.add_config_value("course_tag", "", "html", str)
    app.connect("source-read", relative_links)
    app.connect("html-page-context", add_buttons, priority=600)  # after the theme's
    return {"parallel_read_safe": True, "parallel_write_safe": True}
