"""Questions on chapter 2: zero-centring and the zig-zag."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Zero-centring and the zig-zag",
    (
        Question(
            (
                "All inputs of a unit are positive. Plain gradient descent: when must all its "
                "weights move in the same direction, if they move at all?"
            ),
            (
                Right(
                    "In an update from a single example.",
                    (
                        "The change of each weight is −ηδ times its input, with one δ for all of "
                        "them. With inputs of one sign only the sign of δ is left."
                    ),
                ),
                Wrong(
                    "In every update, whatever the minibatch.",
                    "the error δ is dropped from the argument",
                    (
                        "A minibatch sums δ times input over its examples, and the δ of different "
                        "examples differ in sign. Then one weight's sum may be positive and "
                        "another's negative."
                    ),
                ),
                Wrong(
                    "In an update in which all weights have the same sign.",
                    "the sign of a weight is taken for the sign of its change",
                    (
                        "The change is −ηδ<i>x</i>. The sign of the weight itself does not stand "
                        "in it."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A quadratic bowl, the full batch, η = 1/λ<sub>max</sub>. From the start the "
                "optimum lies exactly along an eigenvector with a small eigenvalue. What is the "
                "path like?"
            ),
            (
                Wrong(
                    "It zig-zags, since the inputs are not centred.",
                    "slow and zig-zag are taken for the same thing",
                    (
                        "Both have one cause, the large eigenvalue, but here nothing moves along "
                        "the steep direction. The path runs along the eigenvector."
                    ),
                ),
                Wrong(
                    "Straight and quick, since the full batch knows the direction.",
                    "the right direction is taken for the right speed",
                    (
                        "The step had to be small for the steep direction. Along the flat one, "
                        "each step removes only the small share λ/λ<sub>max</sub> of the distance."
                    ),
                ),
                Right(
                    "Straight and slow.",
                    (
                        "Along an eigenvector the step points straight at the optimum. But the "
                        "rate is set by the steepest direction, and the flat one has to wait."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Two independent inputs with mean 2 and variance 1. The errors are noise "
                "with mean 0, independent of the inputs and of each other, and the "
                "minibatch grows. What becomes of the share of updates that move both "
                "weights the same way?"
            ),
            (
                Wrong(
                    "It falls to one half: over many examples the signs average out.",
                    "averaging is taken for a cure of the common push",
                    (
                        "The common push is the sum of the errors times the mean input. For noise "
                        "it grows like √<i>B</i>, as the rest does, and so its part in the sum "
                        "does not fade."
                    ),
                ),
                Right(
                    "It settles far above one half and stays there.",
                    (
                        "For noise the common push and each weight's own part both grow like "
                        "√<i>B</i>. Their correlation stays, and with it the share."
                    ),
                ),
                Wrong(
                    "It rises to 1: the mean input wins.",
                    "noise is taken for equal errors",
                    (
                        "If all errors were equal the push would grow like <i>B</i> and win. With "
                        "errors of both signs it does not."
                    ),
                ),
            ),
        ),
        Question(
            (
                "The pixels of a set of images have positive means and are correlated. What does "
                "subtracting each pixel's mean do, as a linear unit learns from them?"
            ),
            (
                Wrong(
                    "Nothing: a bias could undo the shift anyway.",
                    "the same functions are taken for the same descent",
                    (
                        "With a bias the unit can represent the same functions. But the bowl has "
                        "another shape, and descent feels the shape."
                    ),
                ),
                Wrong(
                    "It makes the pixels uncorrelated, so that the bowl becomes round.",
                    "centring is taken for whitening",
                    (
                        "Centring subtracts means and nothing else. Neighbouring pixels stay "
                        "alike, and pixels keep their unequal variances."
                    ),
                ),
                Right(
                    (
                        "It removes the mean's part of the second moment; correlations and "
                        "variances stay."
                    ),
                    (
                        "The second moment is the covariance plus the product of the means. The "
                        "second part often makes the largest eigenvalue, and it is gone."
                    ),
                ),
            ),
        ),
        Question(
            (
                "ReLU's outputs are never negative. In the chapter's networks of 64 units a layer, "
                "why did their mean cost so few updates?"
            ),
            (
                Right(
                    "Against the spread of the outputs it is far smaller than a sigmoid's.",
                    (
                        "In units of the variance, the squared mean of ReLU is about a twelfth of "
                        "the sigmoid's. The ceiling it puts on the rate lies not far below the one "
                        "that is there anyway."
                    ),
                ),
                Wrong(
                    "For symmetric pre-activations it is 0.",
                    "symmetric inputs are taken for symmetric outputs",
                    (
                        "ReLU cuts one half off, so its mean is positive. It is tanh that keeps "
                        "the mean at 0."
                    ),
                ),
                Wrong(
                    "A single example no longer forces one sign on the updates.",
                    "outputs that are 0 are taken for outputs of both signs",
                    (
                        "Where an output is 0 the weight stays, and all weights that move, move "
                        "together. That is nearly what sigmoid outputs do."
                    ),
                ),
            ),
        ),
    ),
)
