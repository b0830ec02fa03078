"""Questions on chapter 10: who is in the batch."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Who is in the batch",
    (
        Question(
            (
                "All examples obey the same exact rule, without noise. What does this say about "
                "the gradients of minibatches?"
            ),
            (
                Wrong(
                    "They are nearly equal, since all hold the same information.",
                    "one rule is taken for one gradient",
                    (
                        "Each example lights other inputs and other units, and its error has a "
                        "sign of its own. Their gradients differ, whatever rule they share."
                    ),
                ),
                Wrong(
                    "They can differ only through rounding and through dropout.",
                    "noise is taken for the only source of spread",
                    (
                        "Noise in the targets is one source of spread. That examples differ is "
                        "another."
                    ),
                ),
                Right(
                    "By itself nothing: they differ as much as the examples' gradients spread.",
                    (
                        "How far two minibatches agree follows from the mean of the examples' "
                        "gradients and their spread. The rule does not set either."
                    ),
                ),
            ),
        ),
        Question(
            (
                "At the start the gradients of fifty minibatches agree almost perfectly. Targets "
                "are raw and positive, outputs near 0. Why do they agree?"
            ),
            (
                Right(
                    "Nearly all answers are wrong in the same direction.",
                    (
                        "Every minibatch wants the outputs higher. Put this level right with the "
                        "output's bias, and the agreement is gone."
                    ),
                ),
                Wrong(
                    "Networks agree at the start, as a rule; that is what training destroys.",
                    "one course of training is taken for a law",
                    (
                        "With standardised targets the agreement at the start is far lower, and "
                        "at a large rate it rises later."
                    ),
                ),
                Wrong(
                    "64 rows are enough to average out the differences.",
                    "the size of the minibatch gets the credit",
                    "With the level put right the very same minibatches of 64 hardly agree.",
                ),
            ),
        ),
        Question(
            (
                "Arrows show the gradient of one minibatch on a grid of two biases. With dropout, "
                "and a new mask at each point, neighbouring arrows are unrelated. What does the "
                "picture show?"
            ),
            (
                Wrong(
                    "That dropout makes the loss landscape rough.",
                    "other functions are taken for one rough function",
                    (
                        "A landscape belongs to one function. With one mask held over the grid the "
                        "field is as calm as without dropout."
                    ),
                ),
                Right(
                    "Another network at each point of the grid.",
                    (
                        "Each mask is a function of its own. The picture compares gradients of "
                        "different functions."
                    ),
                ),
                Wrong(
                    "Rounding, blown up by the scale of the arrows.",
                    "masks are taken for rounding",
                    (
                        "That explains another picture, that of a bias in front of batch "
                        "normalisation. Here the arrows are true gradients, each of another "
                        "function."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A picture of gradients is scaled to its longest arrow. For a bias "
                "directly in front of batch normalisation, in training mode, it shows "
                "arrows in all directions. What do you conclude?"
            ),
            (
                Wrong(
                    "The landscape is rough for this minibatch.",
                    "an automatic scale is taken for a size",
                    (
                        "The true gradient is 0. Whatever is drawn has been blown up until it "
                        "fills the picture."
                    ),
                ),
                Wrong(
                    "The bias needs a smaller rate than the other parameters.",
                    "rounding is taken for a signal",
                    "In exact arithmetic this bias has no gradient at any rate. Leave it out.",
                ),
                Right(
                    "Nothing yet: look at how long the arrows are.",
                    (
                        "In training mode this gradient is 0 in exact arithmetic, and the arrows "
                        "are rounding. Their length, or another precision, tells."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Two small steps of plain descent on smooth losses: first on minibatch A and then "
                "on B, or first on B and then on A. How far apart are the two ends?"
            ),
            (
                Wrong(
                    "Of the order of η: each order follows another first gradient.",
                    "the first step is taken for the path",
                    (
                        "To first order both ends are the start minus η times the sum of the two "
                        "gradients. That sum is the same."
                    ),
                ),
                Right(
                    "Of the order of η².",
                    (
                        "The first-order parts are equal. What differs is that the second gradient "
                        "is taken where the first step has led, and that is of second order."
                    ),
                ),
                Wrong(
                    "They are the same point, since a sum does not mind the order.",
                    "the second gradient is taken at the old weights",
                    (
                        "The second gradient is taken at the weights after the first step. In "
                        "general these differ in the two orders."
                    ),
                ),
            ),
        ),
    ),
)
