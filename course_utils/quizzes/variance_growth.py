"""Questions on chapter 3: variance growth."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Variance growth",
    (
        Question(
            (
                "A unit sums inputs times weights. The weights are independent of each "
                "other and of the inputs, all with mean 0 and variance σ²; the inputs "
                "depend on each other. Is the variance of the sum <i>n</i>σ² times the "
                "mean square of the inputs?"
            ),
            (
                Wrong(
                    "No: the inputs must be independent of each other.",
                    "the condition is put on the inputs instead of the weights",
                    (
                        "In a mixed term stand two different weights. They are independent with "
                        "mean 0, so the term vanishes whatever the two inputs have to do with each "
                        "other."
                    ),
                ),
                Wrong(
                    "Only if the inputs have mean 0.",
                    "the inputs' variance is taken for their mean square",
                    (
                        "The mean square already holds the mean. It is the formula with the "
                        "inputs' <i>variance</i> that needs a mean of 0."
                    ),
                ),
                Right(
                    "Yes: what is asked of the weights is enough.",
                    (
                        "Mixed terms vanish through the weights alone. Of the inputs nothing is "
                        "needed but their mean square."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Inputs with a mean. <i>n</i>σ² times their mean square is the variance over draws "
                "of the weights and over examples together. You fix the weights and watch one unit "
                "over many examples. Why does it vary less, as a rule?"
            ),
            (
                Right(
                    (
                        "Part of the formula is the spread of the units' means, which is the same "
                        "for every example."
                    ),
                    (
                        "The mean of the inputs becomes a mean of each unit. It differs from unit "
                        "to unit and tells nothing about which example came in."
                    ),
                ),
                Wrong(
                    (
                        "It does not: a variance of <i>z</i> is the same number whether over "
                        "draws, over units or over examples."
                    ),
                    "a variance is quoted without saying over what",
                    (
                        "Over draws, over units and over examples are three questions with three "
                        "answers. For inputs with a mean they differ."
                    ),
                ),
                Wrong(
                    "The dependence between the inputs has been left out.",
                    "correlations are blamed for what the mean does",
                    (
                        "Mixed terms vanish on average over the weights. It also happens with "
                        "independent inputs, as soon as they have a mean."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Ten tanh layers of 64 units with weights of standard deviation 1: most units are "
                "saturated. What becomes of the gradient on its way down?"
            ),
            (
                Wrong(
                    "It vanishes, since the slopes are nearly 0.",
                    "saturation is taken for a vanishing gradient",
                    (
                        "Most units pass nothing, true. The few that pass, pass it through weights "
                        "that are far too large, and the sum grows."
                    ),
                ),
                Right(
                    "It grows: few units let it through, but the weights are large.",
                    (
                        "The factor on the squared gradient is <i>n</i>σ² times the mean squared "
                        "slope. The slope's part shrinks like 1/√<i>n</i>, the first part is "
                        "<i>n</i>."
                    ),
                ),
                Wrong(
                    "It keeps its size, since tanh is bounded between −1 and 1.",
                    "a bounded signal is taken for a bounded gradient",
                    (
                        "tanh bounds what goes up. What comes down is multiplied by slopes and "
                        "weights, and nothing bounds that."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Weights so small that <i>n</i>σ² is a hundredth, inputs of mean square "
                "1, ten layers of tanh. Which is right?"
            ),
            (
                Wrong(
                    "All slopes are near 1, so the gradient keeps its size.",
                    "the slope is taken for the whole factor",
                    (
                        "With slopes of 1 the factor on the squared gradient is <i>n</i>σ², a "
                        "hundredth a layer."
                    ),
                ),
                Wrong(
                    (
                        "The signal shrinks on its way up, and to make up for it the gradient "
                        "grows on its way down."
                    ),
                    "up and down are taken for opposites",
                    (
                        "Both are multiplied by the same weights, and here both by the same small "
                        "factor."
                    ),
                ),
                Right(
                    "The network is nearly one linear map, and both signal and gradient shrink.",
                    (
                        "Small signals use the straight part of tanh. Without a bend the factor is "
                        "<i>n</i>σ² in both directions."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A figure shows one ReLU network of five units a layer, with σ² = 2/<i>n</i>. Its "
                "signal doubles in four layers, though theory says that it stays level. What does "
                "the figure show?"
            ),
            (
                Right(
                    "Very little: networks this narrow scatter widely.",
                    (
                        "On average over draws the mean square is kept. With five units the "
                        "scatter around it is large, and one network is one draw."
                    ),
                ),
                Wrong(
                    "The theory is wrong for networks with few units.",
                    "a mean over networks is taken for a statement on each",
                    (
                        "Averaged over draws of the weights the mean square does stay level, for "
                        "five units too. A single network may be far from the average."
                    ),
                ),
                Wrong(
                    "Narrow layers need smaller weights than the formula says.",
                    "luck is taken for a trend",
                    (
                        "Draw the network again, and it may just as well fall. On average over "
                        "draws the mean square is kept for five units, too."
                    ),
                ),
            ),
        ),
    ),
)
