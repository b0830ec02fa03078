"""Questions on chapter 5: Glorot and Kaiming, and their limits."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Glorot and Kaiming, and their limits",
    (
        Question(
            (
                "A linear layer has 400 inputs and 100 units, and weights of variance "
                "1/400. The errors above are independent of them. Going down, what "
                "becomes of the gradient's mean square, over the units above and over the "
                "inputs below?"
            ),
            (
                Wrong(
                    "It is kept, as the signal is.",
                    "the condition for the way up is taken for both",
                    (
                        "Up, a unit adds over 400 inputs. Down, an input adds over the units that "
                        "it feeds, and there are 100."
                    ),
                ),
                Right(
                    "It is multiplied by ¼.",
                    (
                        "Going down, the factor is the number of <i>units</i> times the variance: "
                        "100/400. (The gradient's squared length is kept: there are four times as "
                        "many numbers below.)"
                    ),
                ),
                Wrong(
                    "It is multiplied by 4.",
                    "fan-in and fan-out are swapped",
                    (
                        "An input reaches the loss through the 100 units that it feeds. The factor "
                        "is 100/400."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Twenty linear layers, alternately 40 and 160 wide. Compare variance "
                "1/<i>n</i><sub>in</sub> in each layer with Glorot's compromise. Which "
                "loses more of the gradient's mean square from top to bottom?"
            ),
            (
                Wrong(
                    "1/<i>n</i><sub>in</sub>, since it looks at the forward pass only.",
                    "the factor of one layer is taken for the product of all",
                    (
                        "Its backward factors are 4 and ¼ by turns. The product telescopes: what "
                        "one layer loses the next gives back."
                    ),
                ),
                Wrong(
                    "Neither: with the compromise the mean of the two factors is 1.",
                    "a mean of 1 is taken for a product of 1",
                    (
                        "The factors of a layer, up and down, have the mean 1 and a product below "
                        "1. In no layer is the product above 1 to make up for it."
                    ),
                ),
                Right(
                    "The compromise.",
                    (
                        "In each layer that is not square the factors up and down multiply to less "
                        "than 1. What is lost no layer gives back."
                    ),
                ),
            ),
        ),
        Question(
            (
                "ReLU layers with Kaiming's start. The inputs have the mean square 1. "
                "What is 1 in every layer, on average over draws of the weights?"
            ),
            (
                Right(
                    "The mean square of the activations.",
                    "ReLU halves the mean square, and the 2 in 2/<i>n</i> makes up for it.",
                ),
                Wrong(
                    "The variance of the activations.",
                    "the mean square is taken for the variance",
                    (
                        "ReLU's outputs have a positive mean. The variance is the mean square "
                        "less the square of that mean: about two thirds."
                    ),
                ),
                Wrong(
                    "The mean square of the pre-activations.",
                    "in front of ReLU is taken for behind it",
                    "It is 2. ReLU lets half of it through.",
                ),
            ),
        ),
        Question(
            (
                "The rule for the way down supposes weights that are independent of the errors. "
                "When does it fail clearly?"
            ),
            (
                Wrong(
                    "When an activation that is not linear stands above.",
                    "the bend is blamed",
                    "With a ReLU and errors of random sign above it the rule holds very well.",
                ),
                Wrong(
                    "When the layer has more units than inputs.",
                    "the shape of the layer is blamed",
                    (
                        "The number of units stands in the rule. It is right for every shape, as "
                        "long as errors and weights are independent."
                    ),
                ),
                Right(
                    "When the errors go with <i>z</i>, as for the loss ½‖<i>z</i>‖².",
                    (
                        "Where <i>z</i> is large the weights in it lean one way. If the errors "
                        "lean with it, the products add up with one sign."
                    ),
                ),
            ),
        ),
        Question(
            "Thirty tanh layers with the gain 5/3 that a library's table gives. What happens?",
            (
                Wrong(
                    "Signal and gradient both keep their size.",
                    "a gain from a table is taken for one that keeps everything",
                    (
                        "A gain can keep the signal, its variance over inputs, or the gradient. "
                        "For tanh the first two are one number, 1.59, and the third is 1.47. 5/3 "
                        "is larger than either."
                    ),
                ),
                Right(
                    (
                        "The signal settles at a size of its own, and the gradient grows on its "
                        "way down."
                    ),
                    (
                        "At the size where the signal is level, the factor on the squared gradient "
                        "is above 1."
                    ),
                ),
                Wrong(
                    "The gradient keeps its size, and the signal dies away.",
                    "the two directions are swapped",
                    "It is the signal that stays level. The gradient grows, layer by layer.",
                ),
            ),
        ),
    ),
)
