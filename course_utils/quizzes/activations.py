"""Questions on chapter 1: what an activation lets through."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "What an activation lets through",
    (
        Question(
            "A ReLU unit answers 0 to each of the 16 examples of a minibatch. What follows?",
            (
                Wrong(
                    "It is dead: no later step will change it.",
                    "silent on a minibatch is taken for dead",
                    (
                        "Dead means silent on all the data. In the chapter most units that were "
                        "silent on 16 digits answered to some other digit."
                    ),
                ),
                Right(
                    "Its weights get no gradient in this step; it may be dead or not.",
                    (
                        "Its slope is 0 for each of the 16, so each term of the mean vanishes. "
                        "Another example may still switch it on."
                    ),
                ),
                Wrong(
                    "It is saturated, so it learns slowly.",
                    "silent is taken for saturated",
                    (
                        "A saturated unit has a small slope and gets a small gradient. Here the "
                        "slope is exactly 0 for each example, and there is no gradient at all."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Ten layers follow each other without an activation between them, "
                "<i>f</i>(<i>z</i>) = <i>z</i>. Which statement is right?"
            ),
            (
                Right(
                    "They represent no more than one linear layer does.",
                    (
                        "A product of matrices is a matrix, however many there are, and one layer "
                        "can have it for its weights."
                    ),
                ),
                Wrong(
                    "With enough layers they can bend around a ring, as one layer cannot.",
                    "depth is taken for non-linearity",
                    (
                        "All ten together are one matrix. The best it can do with two rings is "
                        "one straight cut."
                    ),
                ),
                Wrong(
                    (
                        "They represent more than one linear layer, since they have ten times the "
                        "weights."
                    ),
                    "the number of weights is taken for what can be represented",
                    (
                        "Many sets of ten matrices have the same product, and the output depends "
                        "on the product alone."
                    ),
                ),
            ),
        ),
        Question(
            "What decides whether a sigmoid unit works nearly as a straight line?",
            (
                Right(
                    "Where its pre-activations lie, and how widely they spread.",
                    (
                        "Straightness belongs to a distribution: the best line explains nearly all "
                        "at a small spread, and less and less at a large one."
                    ),
                ),
                Wrong(
                    (
                        "Whether most pre-activations lie in the narrow band about 0 in which the "
                        "second derivative is small."
                    ),
                    "a convention about points is taken for an answer about a distribution",
                    (
                        "Few standard normal numbers lie in that band, and yet a line explains "
                        "nearly all of what the sigmoid does to them. The share that a line "
                        "explains has to be computed for the distribution."
                    ),
                ),
                Wrong(
                    "The function alone: it is a curve, so it never does.",
                    "straightness is taken for a property of the function",
                    (
                        "A curve is nearly straight on a small scale. Which part of it is used "
                        "depends on the distribution of the pre-activations."
                    ),
                ),
            ),
        ),
        Question(
            (
                "The slope of a sigmoid is at most ¼. Can one tell from this alone "
                "whether the gradient shrinks on its way down through a sigmoid layer?"
            ),
            (
                Wrong(
                    "Yes: it shrinks at least fourfold, whatever the weights.",
                    "the slopes are taken for the whole factor",
                    (
                        "The gradient is multiplied by the weights too, and summed over many "
                        "paths. With wide enough weights its size can be kept, or grow."
                    ),
                ),
                Right(
                    "No: the weights multiply the gradient as well.",
                    (
                        "For independent weights the squared gradient is multiplied by <i>n</i>σ² "
                        "times the mean square of the slope. Wider weights lower the second "
                        "factor, by saturation, but more slowly than they raise the first."
                    ),
                ),
                Wrong(
                    "Yes: it shrinks fourfold where units are saturated, and less elsewhere.",
                    "the steepest place is taken for the saturated one",
                    (
                        "¼ is the slope at 0, the steepest place. A saturated unit lets through "
                        "far less."
                    ),
                ),
            ),
        ),
        Question(
            (
                "tanh(<i>z</i>) = 2 sigmoid(2<i>z</i>) − 1. In 100 epochs tanh layers "
                "learned the rings, and sigmoid layers, with biases as well, did not. Can "
                "the sigmoid network represent the solution at all?"
            ),
            (
                Wrong(
                    "No: it would have found it otherwise.",
                    "not learned is taken for not representable",
                    (
                        "Put the identity into the tanh network: it becomes a sigmoid network with "
                        "other weights and biases. What one represents, the other can."
                    ),
                ),
                Wrong(
                    "No: the gradients of its lower layers are exactly 0.",
                    "small is taken for zero",
                    (
                        "The slope of a sigmoid is small far out, and nowhere 0. And gradients say "
                        "how one moves, not what can be represented."
                    ),
                ),
                Right(
                    "Yes: it was slow with these weights at this rate.",
                    (
                        "The identity turns each tanh network into a sigmoid network. At ten times "
                        "the rate most of the chapter's sigmoid networks learned the rings."
                    ),
                ),
            ),
        ),
    ),
)
