"""Questions on chapter 12: regularisation."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Regularisation",
    (
        Question(
            "A network is right on all its training examples. Has it over-fitted?",
            (
                Wrong(
                    "Yes: it knows them by heart.",
                    "right on the training data is taken for over-fitting",
                    (
                        "The chapter's network with right labels has all its examples right, too, "
                        "and does well on new ones."
                    ),
                ),
                Right(
                    "One cannot tell from this.",
                    (
                        "Over-fitting is a statement on new data: going on lowers the training "
                        "error and raises the error there."
                    ),
                ),
                Wrong(
                    "No: that is what training is for.",
                    "the training data are taken for the goal",
                    (
                        "The goal is new data. With two wrong labels in five the chapter's network "
                        "repeats the wrong ones, too, and is poor on new digits."
                    ),
                ),
            ),
        ),
        Question(
            (
                "In Adam you add λ<i>w</i> to the gradient (L2), in place of shrinking the weights "
                "by 1 − ηλ at each step (decay). Is this the same?"
            ),
            (
                Wrong(
                    "Yes: they are two names for one thing.",
                    "a fact about plain descent is used for Adam",
                    (
                        "For plain gradient descent they agree, step for step. Adam divides the "
                        "gradient, λ<i>w</i> included."
                    ),
                ),
                Wrong(
                    "Yes, up to the factor 1/(1 − <i>m</i>).",
                    "momentum's rule is used for Adam",
                    (
                        "That factor is momentum's, and roughly so. In Adam the divisor differs "
                        "from weight to weight, and no single factor can do."
                    ),
                ),
                Right(
                    "No: L2 then holds different weights differently.",
                    (
                        "The added λ<i>w</i> is divided by the size of each weight's own gradient. "
                        "Decay shrinks all weights alike."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A layer drops each unit with probability 0.2. Which recipe gives, on average over "
                "the masks, the same output in training as at test?"
            ),
            (
                Right(
                    "In training divide by 0.8; at test do nothing.",
                    (
                        "A unit is kept with probability 0.8, so the mean over masks is 0.8 times "
                        "its value. Dividing by 0.8 makes up for it."
                    ),
                ),
                Wrong(
                    "In training divide by 0.2; at test do nothing.",
                    "the share dropped is taken for the share kept",
                    (
                        "That makes the mean four times too large. With a probability of one half "
                        "the mistake would hide."
                    ),
                ),
                Wrong(
                    "In training divide by 0.8; at test multiply by 0.8.",
                    "a correction is made twice",
                    (
                        "Each of the two alone would be right. Together, training passes on more "
                        "than the test does."
                    ),
                ),
            ),
        ),
        Question(
            (
                "With mixup, its strength well tuned, a network at the rate 0.3 beats the one "
                "without mixup at the rate 0.3. Which comparison is missing?"
            ),
            (
                Right(
                    "The network without mixup at its own best rate.",
                    (
                        "In the chapter tuning the rate alone won about as many points as the best "
                        "remedies did on top of it."
                    ),
                ),
                Wrong(
                    "The accuracy on the test digits, for each strength tried.",
                    "the test data are used for choosing",
                    (
                        "Whoever picks the strength by the test digits flatters the remedy. "
                        "Choices belong to validation data."
                    ),
                ),
                Wrong(
                    "None: the rate is the same, so it is fair.",
                    "the same setting is taken for a fair one",
                    (
                        "The rate 0.3 may be a bad one for the network without a remedy. A remedy "
                        "can win points that a better rate wins as well."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Plain gradient descent. Weight decay acts on all incoming weights of "
                "units directly in front of batch normalisation, in training mode (ε can "
                "be neglected). What does it do?"
            ),
            (
                Wrong(
                    "Nothing: the length of these weights does not matter.",
                    "no effect on the function is taken for no effect on learning",
                    (
                        "The length does not change the output. It does change how far a step "
                        "turns the weights."
                    ),
                ),
                Right(
                    "It acts as a learning rate that grows.",
                    (
                        "Shorter weights are turned further by the same step. The directions are "
                        "exactly those of a run without decay whose rate grows by a constant "
                        "factor a step."
                    ),
                ),
                Wrong(
                    "It keeps the outputs small, as it does elsewhere.",
                    "weights that batch normalisation rescales are taken for ordinary ones",
                    (
                        "Batch normalisation divides by the spread and undoes any common factor. "
                        "The outputs do not get smaller."
                    ),
                ),
            ),
        ),
    ),
)
