"""The examples in the docstrings of course_utils run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import course_utils

MODULES = [module.name for module in pkgutil.walk_packages(course_utils.__path__, "course_utils.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may look for files beside it
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    # What a learner does not call needs no example: explore stands for its floors,
    # the_map, check and quiz for the modules of the chapters.
    of_chapters = tuple(f"course_utils.{each}" for each in ("checks", "maps", "quizzes"))
    assert result.attempted > 0 or name.startswith(("course_utils.explorer_", *of_chapters))


def test_every_module_is_tried():
    assert len(MODULES) > 15
