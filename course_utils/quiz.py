"""Quizzes: a few questions about a chapter's ideas, alive without a kernel."""

from __future__ import annotations

import html
import re

from course_utils.explorer_page import for_script
from course_utils.quizzes import (
    activations,
    averaging,
    bad_starts,
    batch_norm,
    batch_norm_effects,
    descent,
    diagnosis,
    glorot_and_kaiming,
    minibatches,
    pretraining,
    regularisation,
    variance_growth,
    zero_centring,
)
from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZZES: dict[str, Quiz] = {
    "ch01": activations.QUIZ,
    "ch02": zero_centring.QUIZ,
    "ch03": variance_growth.QUIZ,
    "ch04": bad_starts.QUIZ,
    "ch05": glorot_and_kaiming.QUIZ,
    "ch06": pretraining.QUIZ,
    "ch07": batch_norm.QUIZ,
    "ch08": batch_norm_effects.QUIZ,
    "ch09": averaging.QUIZ,
    "ch10": minibatches.QUIZ,
    "ch11": descent.QUIZ,
    "ch12": regularisation.QUIZ,
    "ch13": diagnosis.QUIZ,
}

LETTERS = "abcdefgh"
TAG = re.compile(r"</?(?:i|b|sub|sup|code)>")


def quiz(id: str) -> QuizPage:
    """The quiz of a chapter: choose an answer, check it, and read why.

    It works in the page, without a kernel: with a mouse, a finger or a keyboard, and
    read aloud. Where scripts are stripped, the questions stand with their answers
    folded. In a terminal it is text.

    Args:
        id: the chapter, ``chNN``.

    Raises:
        ValueError: if there is no such quiz.

    Example:
        >>> print(str(quiz("ch01")).splitlines()[0])
        Check your understanding: What an activation lets through
    """
    if id not in QUIZZES:
        raise ValueError(f"no quiz {id!r}; there are {', '.join(QUIZZES)}")
    return QuizPage(id, QUIZZES[id])


class QuizPage:
    """A quiz as Jupyter displays and stores it."""

    def __init__(self, id: str, questions: Quiz) -> None:
        self.id, self.quiz = id, questions

    @property
    def title(self) -> str:
        """The line above the questions."""
        return f"Check your understanding: {self.quiz.title}"

    @property
    def html(self) -> str:
        """The quiz as HTML that asks nobody for anything."""
        name = f"course-quiz-{self.id}"
        numbered = list(enumerate(self.quiz.questions, start=1))
        data = {
            "form": "".join(_form(number, question) for number, question in numbered),
            "said": [[_said(one) for one in each.answers] for each in self.quiz.questions],
            "right": [_right(each) for each in self.quiz.questions],
        }
        style = _STYLE.replace("@ID@", name)
        script = _SCRIPT.replace("@ID@", name).replace("@DATA@", for_script(data))
        folded = "".join(_folded(number, question) for number, question in numbered)
        return (
            f'<div class="course-quiz" id="{name}" role="group" '
            f'aria-label="{html.escape(self.title)}">\n<style>{style}</style>\n'
            f'<div class="course-questions">\n{folded}</div>\n'
            f"<script>{script}</script>\n</div>"
        )

    def __repr__(self) -> str:
        asked, answered = [self.title], ["Answers"]
        for number, question in enumerate(self.quiz.questions, start=1):
            asked.append(f"{number}. {plain(question.asks)}")
            answered.append(f"{number}. {LETTERS[_right(question)]} is right.")
            for letter, one in zip(LETTERS, question.answers, strict=False):
                asked.append(f"   {letter}) {plain(one.text)}")
                answered.append(f"   {letter}) {plain(_said(one))}")
        return "\n".join([*asked, "", *answered])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}


def plain(text: str) -> str:
    """A text without its tags.

    Example:
        >>> plain("<i>n</i><sub>in</sub> inputs")
        'n_in inputs'
    """
    return html.unescape(TAG.sub("", text.replace("<sub>", "_").replace("<sup>", "^")))


def _right(question: Question) -> int:
    """The place of the right answer."""
    (place,) = [n for n, one in enumerate(question.answers) if isinstance(one, Right)]
    return place


def _said(one: Right | Wrong) -> str:
    """What is said to an answer, as HTML."""
    if isinstance(one, Right):
        return f"<b>Right.</b> {one.because}"
    return f"<b>Not this one. The slip: {one.misconception}.</b> {one.because}"


def _folded(number: int, question: Question) -> str:
    """A question for where scripts are stripped: the answers are folded.

    The right one is told by its text: JupyterLab's style numbers lists and drops the letters.
    """
    right = question.answers[_right(question)].text
    choices = "".join(f"<li>{one.text}</li>\n" for one in question.answers)
    said = "".join(f"<li>{_said(one)}</li>\n" for one in question.answers)
    return (
        f"<p><b>{number}.</b> {question.asks}</p>\n"
        f'<ol type="a">\n{choices}</ol>\n'
        f"<details><summary>Answer to question {number}</summary>\n"
        f'<p>The right answer: {right}</p>\n<ol type="a">\n{said}</ol>\n</details>\n'
    )


def _form(number: int, question: Question) -> str:
    """A question with its radio buttons, a button to check, and room for what is said."""
    choices = "".join(
        f'<label><input type="radio" autocomplete="off"><span>{one.text}</span></label>\n'
        for one in question.answers
    )
    return (
        f"<fieldset>\n<legend><b>{number}.</b> {question.asks}</legend>\n{choices}"
        f'<button type="button" aria-label="Check the answer to question {number}">Check</button>\n'
        '<div class="course-said" role="status" aria-live="polite"></div>\n</fieldset>\n'
    )


# All colours but those of two lines are inherited, so that text has the contrast of the
# page around it, light or dark. The two stand out at 3:1 on white and on black, and say
# nothing that the words do not. Selectors with an id are stronger than the themes' rules.
_STYLE = """
#@ID@{max-width:44em;margin:1em 0}
#@ID@ fieldset{min-width:0;margin:0 0 1.6em;padding:0;border:0}
#@ID@ legend{float:none;width:auto;max-width:100%;margin:0 0 .4em;padding:0;border:0;
font-size:1em;line-height:1.5;color:inherit;white-space:normal}
#@ID@ label{display:flex;gap:.7em;align-items:baseline;box-sizing:border-box;margin:0;
padding:.45em .3em;line-height:1.5;cursor:pointer;border-radius:4px}
#@ID@ label span{flex:1;min-width:0;overflow-wrap:anywhere}
#@ID@ input{flex:none;width:1.1em;height:1.1em;margin:0;position:relative;top:.15em;
cursor:pointer;accent-color:#2b7bba}
#@ID@ button{min-height:2.6em;margin:.4em 0 .2em;padding:.3em 1.1em;font:inherit;color:inherit;
background:transparent;border:1px solid currentColor;border-radius:4px;cursor:pointer}
#@ID@ :focus-visible{outline:2px solid currentColor;outline-offset:2px}
#@ID@ .course-said{line-height:1.5}
#@ID@ .course-said:not(:empty){margin:.4em 0 0;padding:.1em 0 .1em .8em;
border-left:4px solid #808080}
#@ID@ .course-said.course-right{border-left-color:#2e8b57}
#@ID@ .course-said.course-wrong{border-left-color:#d0493a}
@media print{#@ID@ button,#@ID@ .course-said{display:none}}
"""

# Radio buttons belong together by their name in the whole page, so each copy of a quiz
# gets names of its own when it starts. What is said changes only when it is asked for:
# arrow keys move through the answers and must not tell.
_SCRIPT = """
(function(){
var data=@DATA@, tag=document.currentScript, one=tag&&tag.closest&&tag.closest("#@ID@");
var roots=one?[one]:[].slice.call(document.querySelectorAll("#@ID@"));
roots.forEach(function(root){
if(root.courseReady)return;
root.courseReady=true;
var copy=window.courseQuizzes=(window.courseQuizzes||0)+1;
root.querySelector(".course-questions").innerHTML=data.form;
root.addEventListener("keydown",function(event){event.stopPropagation()});
[].forEach.call(root.querySelectorAll("fieldset"),function(field,n){
var inputs=[].slice.call(field.querySelectorAll("input"));
var said=field.querySelector(".course-said");
function say(kind,text){
said.className="course-said "+kind;
said.innerHTML=text;
}
function check(){
var k=inputs.map(function(input){return input.checked}).indexOf(true);
if(k<0)say("","Choose an answer first.");
else say(k===data.right[n]?"course-right":"course-wrong",data.said[n][k]);
}
inputs.forEach(function(input){
input.name="@ID@-"+copy+"-"+n;
input.addEventListener("change",function(){say("","")});
input.addEventListener("keydown",function(event){if(event.key==="Enter")check()});
});
field.querySelector("button").addEventListener("click",check);
});
});
})();
"""
