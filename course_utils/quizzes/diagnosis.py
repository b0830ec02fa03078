"""Questions on chapter 13: what is wrong with your network?"""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "What is wrong with your network?",
    (
        Question(
            (
                "Over thirty layers the root mean square of the pre-activations is steady. Is the "
                "signal healthy?"
            ),
            (
                Wrong(
                    "Yes: it neither fades nor explodes.",
                    "size is taken for information",
                    (
                        "A steady size may be the same for all examples. What differs between them "
                        "can fade all the same."
                    ),
                ),
                Right(
                    "That is open: ask what of it differs between examples.",
                    (
                        "The mean square has two parts, one that all examples share and one that "
                        "differs. Only the second tells about the example."
                    ),
                ),
                Wrong(
                    "No: a steady size means that the units are saturated.",
                    "steady is taken for bounded",
                    (
                        "A linear network with weights of the right size is steady, too, and "
                        "nothing in it can saturate."
                    ),
                ),
            ),
        ),
        Question(
            "A diagnosis lists three serious findings. What is the safer next step?",
            (
                Wrong(
                    "Mend all three at once.",
                    "a consequence is taken for a cause",
                    (
                        "A later finding may be the consequence of an earlier one, and be gone or "
                        "be another one once that is mended."
                    ),
                ),
                Wrong(
                    "Mend one, and keep it only if the accuracy rises.",
                    "accuracy is taken for the gauge of progress",
                    (
                        "In the chapter's patient the accuracy stayed near guessing after the "
                        "first two mends, at each rate that was tried. The findings had changed "
                        "with each."
                    ),
                ),
                Right(
                    "Mend the first, set the rate again, and ask again.",
                    (
                        "Among equally serious findings, usual causes come before their "
                        "consequences. After each mend the inside shows what is left."
                    ),
                ),
            ),
        ),
        Question(
            (
                "All faults but one are mended, and at the rate 0.1 the network stays near "
                "guessing. Is this one fault fatal?"
            ),
            (
                Right(
                    "At this rate; another rate may make up for it in part.",
                    (
                        "With raw inputs or a bad order left in, the network learned at a rate of "
                        "its own. With sigmoid units or weights far too large it guessed at each "
                        "rate that was tried."
                    ),
                ),
                Wrong(
                    "Yes, at any rate.",
                    "one rate is taken for all",
                    (
                        "Some faults lower the rates that work, and cost only part of the "
                        "accuracy there. Give the network a rate of its own before you judge."
                    ),
                ),
                Wrong(
                    "No: a good enough rate can make up for any fault.",
                    "the rate is taken for a cure of everything",
                    (
                        "In the chapter no rate that was tried made up for sigmoid units, or for "
                        "weights far too large, in thirty layers."
                    ),
                ),
            ),
        ),
        Question(
            "The diagnosis of a network finds nothing. What do you know?",
            (
                Wrong(
                    "It will do well on new data.",
                    "flowing signals are taken for something to learn",
                    (
                        "With shuffled labels the diagnosis is clean as well, and there is nothing "
                        "to learn."
                    ),
                ),
                Right(
                    "Signals and gradients flow, and no more than that.",
                    (
                        "The instrument looks at signals and not at what they mean. Task, labels "
                        "and the future are outside of it."
                    ),
                ),
                Wrong(
                    "At least the labels fit the inputs.",
                    "the size of gradients is taken for their meaning",
                    "A gradient flows towards wrong labels just as well.",
                ),
            ),
        ),
    ),
)
