"""What a quiz is made of: questions, one right answer each, and what each wrong one mistakes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """The right answer, and why it is right."""

    text: str
    because: str


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: the name of what it mistakes, and what is so instead."""

    text: str
    misconception: str
    because: str


@dataclass(frozen=True)
class Question:
    """A question about an idea, with its answers in the order in which they are shown.

    Texts are plain, with Unicode for signs (σ², √n) and no markup but ``<i>``, ``<b>``,
    ``<sub>``, ``<sup>`` and ``<code>``: they are read aloud, printed in terminals, and
    shown where no formula is rendered.
    """

    asks: str
    answers: tuple[Right | Wrong, ...]


@dataclass(frozen=True)
class Quiz:
    """The questions of one chapter."""

    title: str
    questions: tuple[Question, ...]
