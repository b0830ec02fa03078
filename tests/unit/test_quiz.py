"""The quizzes: what they ask, what they say to each answer, and how they are stored."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

import course_utils as cu
from course_utils.quiz import QUIZZES, QuizPage, plain
from course_utils.quizzes.common import Question, Quiz, Right, Wrong
from tools.chapters import find, number_of
from tools.structure import ABSOLUTE_PATH, ADDRESS, TIMING

QUESTIONS = [(id, question) for id, each in QUIZZES.items() for question in each.questions]
NAMES = [f"{id}: {question.asks[:30]}" for id, question in QUESTIONS]
ALLOWED = {"i", "b", "sub", "sup", "code"}


def place(question: Question) -> int:
    return [isinstance(one, Right) for one in question.answers].index(True)


def texts(question: Question) -> list[str]:
    wrong = [one.misconception for one in question.answers if isinstance(one, Wrong)]
    given = [text for one in question.answers for text in (one.text, one.because)]
    return [question.asks, *given, *wrong]


class Balanced(HTMLParser):
    """Refuses what is not one of a few tags, opened and closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED and not attrs, tag
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_chapters_have_quizzes_of_three_to_five_questions() -> None:
    assert {f"ch{number_of(path)}" for path in find()} >= set(QUIZZES)
    assert all(3 <= len(each.questions) <= 5 for each in QUIZZES.values())


@pytest.mark.parametrize(("id", "question"), QUESTIONS, ids=NAMES)
def test_a_question_has_one_right_answer_and_a_name_for_each_slip(
    id: str, question: Question
) -> None:
    kinds = Counter(type(one) for one in question.answers)
    assert kinds[Right] == 1 and 2 <= kinds[Wrong] <= 3
    names = [one.misconception for one in question.answers if isinstance(one, Wrong)]
    assert all(len(name) > 10 and name[-1] not in ".!" for name in names)
    for said in ([one.text for one in question.answers], [one.because for one in question.answers]):
        assert len(set(said)) == len(said)
    for one in question.answers:
        assert one.because.endswith((".", ".)")) and len(one.because) > 25


@pytest.mark.parametrize(("id", "question"), QUESTIONS, ids=NAMES)
def test_texts_are_plain(id: str, question: Question) -> None:
    for text in texts(question):
        parser = Balanced()
        parser.feed(text)
        parser.close()
        assert not parser.open, text
        assert not re.search(r"[$\\<>]", plain(text)), text
        assert text == " ".join(text.split())


def test_the_right_answer_cannot_be_guessed_from_its_place_or_its_length() -> None:
    places = Counter(place(question) for _, question in QUESTIONS)
    assert min(places[each] for each in (0, 1, 2)) >= len(QUESTIONS) / 5
    for each in QUIZZES.values():
        there = Counter(map(place, each.questions))
        assert max(there.values()) <= 0.7 * len(each.questions)
        order = [place(question) for question in each.questions]
        assert all(a != b or b != c for a, b, c in zip(order, order[1:], order[2:], strict=False))
    lengths = [[len(plain(one.text)) for one in question.answers] for _, question in QUESTIONS]
    longest = sum(
        length[place(question)] == max(length)
        for length, (_, question) in zip(lengths, QUESTIONS, strict=True)
    )
    assert 0.1 <= longest / len(QUESTIONS) <= 0.45


def test_no_text_names_a_digit_too_exactly() -> None:
    """Ideas, not digits: no number of more than three significant places."""
    for _, question in QUESTIONS:
        for text in texts(question):
            assert not re.search(r"\d\.\d{3}", text), text


@pytest.mark.parametrize("id", QUIZZES)
def test_what_is_stored_is_the_same_each_time_and_asks_nobody(id: str) -> None:
    stored, again = (cu.quiz(id)._repr_mimebundle_() for _ in range(2))
    assert stored == again
    assert set(stored) == {"text/html", "text/plain"}
    page = stored["text/html"]
    assert len(page.encode()) < 30_000
    assert f'id="course-quiz-{id}"' in page
    assert not re.search(r"https?:|\bsrc=|<link|@import|url\(", page)
    for text in stored.values():
        assert not ADDRESS.search(text) and not ABSOLUTE_PATH.search(text)
    assert not TIMING.search(stored["text/plain"])


def test_in_a_terminal_it_is_text_with_the_answers_after_all_questions() -> None:
    quiz = Quiz(
        "A coin",
        (
            Question(
                "How often heads, for <i>p</i> = ½?",
                (Wrong("Never.", "rare is taken for never", "No."), Right("Half & half.", "Yes.")),
            ),
        ),
    )
    assert repr(QuizPage("ch00", quiz)).splitlines() == [
        "Check your understanding: A coin",
        "1. How often heads, for p = ½?",
        "   a) Never.",
        "   b) Half & half.",
        "",
        "Answers",
        "1. b is right.",
        "   a) Not this one. The slip: rare is taken for never. No.",
        "   b) Right. Yes.",
    ]


def test_without_scripts_the_answers_are_folded() -> None:
    page = re.sub(r"<(style|script)>.*?</\1>", "", cu.quiz("ch05").html, flags=re.DOTALL)
    assert page.count("<details>") == page.count("</details>") == len(QUIZZES["ch05"].questions)
    shown = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    assert "Not this one" in page and "Not this one" not in shown
    assert "<input" not in page and "<button" not in page


def test_an_unknown_quiz_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(ValueError, match="no quiz 'ch99'; there are ch01, ch02"):
        cu.quiz("ch99")
