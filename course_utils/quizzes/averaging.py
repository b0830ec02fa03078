"""Questions on chapter 9: what is averaged."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "What is averaged",
    (
        Question(
            (
                "The inputs of a minibatch differ, and the network is far from linear. No layer "
                "mixes examples. Is the gradient of the mean loss the mean of the examples' "
                "gradients?"
            ),
            (
                Right(
                    "Yes, wherever the examples' losses are differentiable.",
                    (
                        "Each example makes one function of the same θ. A derivative of a finite "
                        "sum is the sum of the derivatives, however curved the functions are."
                    ),
                ),
                Wrong(
                    "Only nearly, and only if the inputs are much alike.",
                    "the inputs are taken for the place where gradients meet",
                    (
                        "The gradients are taken by θ, at one and the same θ. The inputs only say "
                        "which function it is."
                    ),
                ),
                Wrong(
                    "No: that would need a linear network.",
                    "a linear network is taken for the linearity of the derivative",
                    (
                        "Linear is the map from a function to its gradient. The functions may be "
                        "as curved as they like."
                    ),
                ),
            ),
        ),
        Question(
            (
                "For one layer someone multiplies the <i>mean</i> activation by the <i>mean</i> "
                "error of the minibatch. What is lost against the gradient by the weights?"
            ),
            (
                Wrong(
                    "Nothing, since means of products are products of means.",
                    "the mean of a product is taken for the product of means",
                    "They differ by the covariance, here of activation and error.",
                ),
                Wrong(
                    "Only what the non-linearity adds; in linear regression it is right.",
                    "the bends are blamed",
                    (
                        "It fails in linear regression as well. Once the bias fits, the mean error "
                        "is 0, and the recipe sees nothing of what is left."
                    ),
                ),
                Right(
                    "The covariance of activation and error.",
                    (
                        "<i>Which</i> inputs go with <i>which</i> errors is lost. Once the biases "
                        "of the last layer fit, that is all that is left to learn there."
                    ),
                ),
            ),
        ),
        Question(
            (
                "64 examples are cut into pieces of unequal size. The network has layer "
                "norm, no batch norm and no dropout. Which sum is exactly the gradient of "
                "the mean loss of all 64?"
            ),
            (
                Wrong(
                    "The plain mean of the pieces' mean gradients.",
                    "a mean of means is taken for the mean",
                    "An example in a small piece would count for more than one in a large piece.",
                ),
                Right(
                    "The pieces' mean gradients, weighted by their shares, size/64.",
                    (
                        "So each example counts 1/64. Layer norm looks at one example at a time "
                        "and does not mind."
                    ),
                ),
                Wrong(
                    "None: layer norm computes statistics, and those change with the pieces.",
                    "layer norm is taken for batch norm",
                    (
                        "Its statistics are those of one example, and it takes them along into any "
                        "piece."
                    ),
                ),
            ),
        ),
        Question(
            (
                "The gradient of one example, drawn at random, is an unbiased estimate of the "
                "gradient <i>G</i> of all the data. So …"
            ),
            (
                Wrong(
                    "for most examples it is close to <i>G</i>.",
                    "unbiased is taken for near",
                    (
                        "In the chapter a typical single gradient was off by several times the "
                        "length of <i>G</i>."
                    ),
                ),
                Wrong(
                    (
                        "a descent step with it lowers the loss over all the data, if it is short "
                        "enough."
                    ),
                    "right on average is taken for right each time",
                    (
                        "A single gradient may point more than 90° away from <i>G</i>. Then a "
                        "short step with it raises the loss over all the data."
                    ),
                ),
                Right(
                    "its mean over all examples is <i>G</i>, and one draw may be far off.",
                    (
                        "Unbiased says where the average lies, and nothing about how far the "
                        "single draws scatter."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Your minibatch is already far larger than the noise scale. You double it and tune "
                "the rate again. What becomes of the number of updates to a given loss?"
            ),
            (
                Right(
                    "It hardly falls.",
                    (
                        "There the step is already nearly that of all the data. A better estimate "
                        "of the same direction gains little."
                    ),
                ),
                Wrong(
                    "It falls to about a half.",
                    "a rule for small minibatches is used for large ones",
                    (
                        "Twice the minibatch saves nearly half of the updates only well below the "
                        "noise scale."
                    ),
                ),
                Wrong(
                    "It rises, since each update has to average more.",
                    "work for each update is taken for the number of updates",
                    "One update costs more, but their number does not rise for that.",
                ),
            ),
        ),
    ),
)
