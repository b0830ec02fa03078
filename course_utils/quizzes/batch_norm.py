"""Questions on chapter 7: batch normalisation: how it works."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Batch normalisation: how it works",
    (
        Question(
            (
                "A linear layer has a bias, and batch normalisation in training mode comes "
                "directly behind it. What does the bias do?"
            ),
            (
                Wrong(
                    "It shares the work with β.",
                    "the bias is taken for a second β",
                    (
                        "What the bias adds is subtracted again with the mean. Only β moves the "
                        "output's mean."
                    ),
                ),
                Wrong(
                    "It grows at every update, and the layer subtracts it again.",
                    "the mean is taken for a constant",
                    (
                        "That happens where the mean is treated as a constant in the gradient, and "
                        "the errors do not average to 0. With the mean in the graph the gradient "
                        "is exactly 0."
                    ),
                ),
                Right(
                    "Nothing: its gradient is 0, whatever the loss.",
                    (
                        "It adds the same number to each <i>z</i> and to their mean. The output "
                        "does not change, and so no loss does."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Over the minibatch the values of a unit are strongly skewed. What does batch "
                "normalisation make of their distribution?"
            ),
            (
                Wrong(
                    "A bell curve.",
                    "standardising is taken for making normal",
                    "It is a straight line: it moves and stretches, and keeps the shape.",
                ),
                Right(
                    "The same shape, moved and stretched.",
                    (
                        "For each unit it is a straight line with one slope for the whole "
                        "minibatch. (A negative γ mirrors the shape besides.)"
                    ),
                ),
                Wrong(
                    "One with mean 0 and variance 1, throughout training.",
                    "the standardised value is taken for the output",
                    (
                        "After standardising come γ and β, and they learn. Over its minibatch the "
                        "output has the mean β and at most the deviation |γ|."
                    ),
                ),
            ),
        ),
        Question(
            (
                "From above, every example of the minibatch sends the <i>same</i> gradient to a "
                "unit's output. What passes down through batch normalisation in training mode?"
            ),
            (
                Right(
                    "Nothing.",
                    (
                        "The mean of the gradient is taken out, and equal gradients are all mean. "
                        "They would only shift the whole minibatch, and the standardisation undoes "
                        "a shift."
                    ),
                ),
                Wrong(
                    "The same gradient, divided by the deviation.",
                    "the statistics are taken for constants",
                    (
                        "The mean moves with the examples. Its share of the gradient cancels what "
                        "comes down directly."
                    ),
                ),
                Wrong(
                    "The part of it that goes along with the standardised values.",
                    "what is taken out is taken for what is left",
                    (
                        "That part is taken out as well, up to ε. Here it is 0 anyway: the "
                        "standardised values sum to 0."
                    ),
                ),
            ),
        ),
        Question(
            (
                "You forget <code>eval()</code> and ask a well-trained network about minibatches "
                "of one class each. The accuracy collapses. What does the harm, above all?"
            ),
            (
                Wrong(
                    "The variance of such a minibatch is too small.",
                    "the spread is blamed",
                    (
                        "With the minibatch's own variance and the stored mean the chapter's "
                        "networks lost little."
                    ),
                ),
                Wrong(
                    (
                        "In training mode the weights keep changing while the network is asked "
                        "questions."
                    ),
                    "the mode is taken for learning",
                    (
                        "Weights change only when an optimiser takes a step. The mode decides "
                        "which statistics are used."
                    ),
                ),
                Right(
                    "The minibatch's mean: what the class has in common is subtracted.",
                    (
                        "In a minibatch of threes the mean is nearly that of a three. It takes "
                        "away what tells a three from the others."
                    ),
                ),
            ),
        ),
        Question(
            "Why are stored statistics used once the network is in use?",
            (
                Wrong(
                    "Only because inputs then come one at a time.",
                    "half of the reason is taken for the whole",
                    (
                        "In whole minibatches, too, an answer would depend on the neighbours, and "
                        "leaning minibatches would spoil it."
                    ),
                ),
                Right(
                    "So that an answer does not depend on which other inputs come along.",
                    (
                        "In training mode each output depends on the whole minibatch. In use the "
                        "answer to one input should be its own."
                    ),
                ),
                Wrong(
                    "Because they tell the minibatch's own mean more exactly.",
                    "the statistics of the data are taken for those of the minibatch",
                    (
                        "They estimate the mean over the data. The minibatch's own mean is known "
                        "exactly and is what one does not want."
                    ),
                ),
            ),
        ),
    ),
)
