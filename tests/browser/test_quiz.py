"""Quizzes in a real browser: by keyboard, read aloud, on a phone, in the dark, without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from course_utils.quiz import QUIZZES, quiz
from course_utils.quizzes.common import Question, Right, Wrong
from tests.browser.browsing import DESKTOP, PHONE, browser, chromium, set_width

pytestmark = pytest.mark.skipif(
    chromium() is None,
    reason="there is no Chromium with its chromedriver here; `make system` installs them",
)

CHECKS = (Path(__file__).parent / "page_checks.js").read_text("utf-8")
HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Quizzes</title>'
    '<link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
)


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with browser() as started:
        yield started


def open_page(
    driver: WebDriver, folder: Path, body: str, width: int = DESKTOP, colours: str = ""
) -> list[WebElement]:
    page = folder / "page.html"
    page.write_text(f'{HEAD}<body style="{colours}"><article>{body}</article>', encoding="utf-8")
    set_width(driver, width)
    driver.get_log("browser")
    driver.get(page.as_uri())
    return driver.find_elements(By.CSS_SELECTOR, ".course-quiz")


def fields(quiz: WebElement) -> list[WebElement]:
    return quiz.find_elements(By.TAG_NAME, "fieldset")


def said(field: WebElement) -> str:
    return field.find_element(By.CSS_SELECTOR, ".course-said").text


def places(question: Question) -> tuple[int, int]:
    """The places of the right answer and of a wrong one."""
    right = [isinstance(one, Right) for one in question.answers]
    return right.index(True), right.index(False)


def choose(driver: WebDriver, field: WebElement, place: int) -> None:
    """Choose and check as one does without a mouse: Tab, arrows, Tab, Space."""
    radios = field.find_elements(By.TAG_NAME, "input")
    chosen = [radio.is_selected() for radio in radios]
    at = chosen.index(True) if any(chosen) else 0
    driver.execute_script("arguments[0].focus()", radios[at])
    keys = ActionChains(driver)
    if not any(chosen):
        keys.send_keys(Keys.SPACE)
    keys.send_keys(*[Keys.ARROW_DOWN if place > at else Keys.ARROW_UP] * abs(place - at))
    keys.send_keys(Keys.TAB, Keys.SPACE).perform()


def test_a_wrong_answer_names_its_misconception_and_the_right_one_says_why(
    driver: WebDriver, tmp_path: Path
) -> None:
    (shown,) = open_page(driver, tmp_path, quiz("ch05").html)
    asked = QUIZZES["ch05"].questions
    assert len(fields(shown)) == len(asked)
    for field, question in zip(fields(shown), asked, strict=True):
        right, wrong = places(question)
        slip = question.answers[wrong]
        assert isinstance(slip, Wrong)
        choose(driver, field, wrong)
        assert said(field).startswith(f"Not this one. The slip: {slip.misconception}.")
        choose(driver, field, right)
        assert said(field).startswith("Right.")
    assert driver.get_log("browser") == []


def test_arrow_keys_tell_nothing_until_one_asks(driver: WebDriver, tmp_path: Path) -> None:
    (shown,) = open_page(driver, tmp_path, quiz("ch01").html)
    field = fields(shown)[0]
    radios = field.find_elements(By.TAG_NAME, "input")
    driver.execute_script("arguments[0].focus()", radios[0])
    ActionChains(driver).send_keys(Keys.ARROW_DOWN).perform()
    assert radios[1].is_selected() and said(field) == ""
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert said(field) != ""
    ActionChains(driver).send_keys(Keys.ARROW_DOWN).perform()
    assert radios[2].is_selected() and said(field) == ""
    other = fields(shown)[1]
    other.find_element(By.TAG_NAME, "button").click()
    assert said(other) == "Choose an answer first."


def test_a_listener_gets_group_question_answers_and_what_is_said(
    driver: WebDriver, tmp_path: Path
) -> None:
    (shown,) = open_page(driver, tmp_path, quiz("ch01").html)
    assert shown.accessible_name.startswith("Check your understanding: ")
    field, question = fields(shown)[0], QUIZZES["ch01"].questions[0]
    assert field.aria_role == "group"
    assert field.accessible_name == f"1. {question.asks}"
    radios = field.find_elements(By.TAG_NAME, "input")
    assert [radio.aria_role for radio in radios] == ["radio"] * len(question.answers)
    assert [radio.accessible_name for radio in radios] == [one.text for one in question.answers]
    button = field.find_element(By.TAG_NAME, "button")
    assert button.accessible_name == "Check the answer to question 1"
    live = field.find_element(By.CSS_SELECTOR, "[aria-live=polite][role=status]")
    choose(driver, field, 0)
    assert live.text and live.text == said(field)  # the region was there before its text


def test_copies_and_quizzes_on_one_page_do_not_disturb_each_other(
    driver: WebDriver, tmp_path: Path
) -> None:
    body = quiz("ch01").html + quiz("ch02").html + quiz("ch01").html
    first, second, copy = open_page(driver, tmp_path, body)
    for shown, place in ((first, 0), (second, 1), (copy, 2)):
        choose(driver, fields(shown)[0], place)
    for shown, place in ((first, 0), (second, 1), (copy, 2)):
        radios = fields(shown)[0].find_elements(By.TAG_NAME, "input")
        assert [radio.is_selected() for radio in radios].index(True) == place
        assert said(fields(shown)[0])
        assert not said(fields(shown)[1])


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize(
    "colours", ["background:#fff;color:#222", "background:#121212;color:#ced6dd"]
)
def test_it_fits_and_can_be_read_in_light_and_dark(
    driver: WebDriver, tmp_path: Path, width: int, colours: str
) -> None:
    shown = open_page(
        driver, tmp_path, "".join(quiz(id).html for id in QUIZZES), width, f"margin:8px;{colours}"
    )
    for field in [field for each in shown for field in fields(each)]:
        driver.execute_script(
            "arguments[0].querySelector('input').click();"
            "arguments[0].querySelector('button').click()",
            field,
        )
    ask = f"{CHECKS}\nreturn pageChecks."
    assert driver.execute_script(f"{ask}faint()") == []
    assert driver.execute_script(f"{ask}tooWide({width})") == []
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= width
    small = """return [...document.querySelectorAll("label, button")].filter(
      (one) => one.getBoundingClientRect().height < 24).length"""
    assert driver.execute_script(small) == 0, "a finger misses it"


def test_without_scripts_questions_are_read_and_answers_unfolded(
    driver: WebDriver, tmp_path: Path
) -> None:
    stripped = re.sub(r"<(style|script)>.*?</\1>", "", quiz("ch02").html, flags=re.DOTALL)
    (shown,) = open_page(driver, tmp_path, stripped)
    asked = QUIZZES["ch02"].questions
    folded = shown.find_elements(By.TAG_NAME, "details")
    assert len(folded) == len(asked)
    assert "Not this one" not in shown.text and "All inputs of a unit are positive." in shown.text
    folded[0].find_element(By.TAG_NAME, "summary").click()
    assert shown.text.count("Not this one") == 2
    assert "The right answer: In an update from a single example." in shown.text


def test_it_lives_when_a_front_end_inserts_it(driver: WebDriver, tmp_path: Path) -> None:
    """As Jupyter's front ends do, in the page, before it, and from the head."""
    open_page(driver, tmp_path, '<main id="out"></main>')
    driver.execute_script(
        """
        const out = document.getElementById("out");
        for (const [markup, way] of [[arguments[0], "in"], [arguments[1], "before"],
                                     [arguments[2], "head"]]) {
            const host = document.createElement("div");
            if (way !== "before") out.append(host);
            host.innerHTML = markup;
            for (const old of host.querySelectorAll("script")) {
                const script = document.createElement("script");
                script.textContent = old.textContent;
                if (way === "head") document.head.append(script);
                else old.replaceWith(script);
            }
            if (way === "before") out.append(host);
        }
        """,
        quiz("ch01").html,
        quiz("ch02").html,
        quiz("ch03").html,
    )
    shown = driver.find_elements(By.CSS_SELECTOR, ".course-quiz")
    assert len(shown) == 3
    for each in shown:
        choose(driver, fields(each)[0], 0)
        assert said(fields(each)[0])
