"""Questions on chapter 11: descent."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Descent",
    (
        Question(
            (
                "Training goes well with small steps. You add momentum 0.9 as torch has it, "
                "<i>v</i> ← 0.9<i>v</i> + <i>g</i>, and leave the rate as it is. What changes "
                "most?"
            ),
            (
                Wrong(
                    "The path becomes smoother, at the same speed.",
                    "this convention is taken for the averaging one",
                    (
                        "With (1 − <i>m</i>)<i>g</i> in place of <i>g</i> the velocity would be an "
                        "average. Here it is a sum, ten times as large under a constant gradient."
                    ),
                ),
                Wrong(
                    "It becomes slower, since <i>m</i> is a friction.",
                    "what friction leaves is taken for the friction",
                    (
                        "<i>m</i> is the share of the velocity that survives. The nearer to 1, the "
                        "less friction."
                    ),
                ),
                Right(
                    "The effective rate becomes about ten times as large.",
                    (
                        "Under a constant gradient the velocity settles at <i>g</i>/(1 − "
                        "<i>m</i>). Compare at the same η/(1 − <i>m</i>), or each at its best."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Descent with a small fixed rate starts a millionth beside the ridge that runs "
                "into a saddle with a direction of negative curvature. What happens?"
            ),
            (
                Wrong(
                    "It gets stuck at the saddle.",
                    "slow is taken for stuck",
                    (
                        "Beside the ridge each step multiplies the distance from it by a factor "
                        "above 1. Only from the ridge itself does descent end at the saddle."
                    ),
                ),
                Right(
                    "It leaves after a time that grows like the logarithm of the nearness.",
                    (
                        "The distance from the ridge grows by a constant factor a step. Each "
                        "further decade costs the same number of steps."
                    ),
                ),
                Wrong(
                    "It leaves after about a million steps, in inverse proportion to the distance.",
                    "growth by a factor is taken for growth by steps of one size",
                    (
                        "The distance is <i>multiplied</i> at each step. A start ten times nearer "
                        "costs a constant number of steps more, and not ten times as many."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A narrow valley along the axes is turned by 45°, starts and all. Whose path is "
                "merely turned with it?"
            ),
            (
                Right(
                    "Gradient descent's, with and without momentum.",
                    (
                        "Their steps are sums of gradients, and gradients turn with the valley. "
                        "They know nothing of axes."
                    ),
                ),
                Wrong(
                    "Adam's, since it adapts to the curvature.",
                    "the size of each weight's gradient is taken for the curvature",
                    (
                        "Adam divides weight by weight. That evens out a valley along the axes, "
                        "and not one that lies askew."
                    ),
                ),
                Wrong(
                    "All methods': the loss is the same, only seen askew.",
                    "the same loss is taken for the same coordinates",
                    (
                        "Methods with a step for each weight depend on the axes. Turned, the "
                        "weights mix steep and flat directions."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A nearly finished network goes on at a large rate. With minibatches of 8 its "
                "training loss rises; with all the data, at the same rate, it falls. What ruined "
                "it?"
            ),
            (
                Wrong(
                    "The steps were too long for the curvature.",
                    "noise is taken for overshoot",
                    (
                        "With all the data, at the same rate, the steps meet the curvature of the "
                        "training loss itself, and the loss falls."
                    ),
                ),
                Wrong(
                    "It over-fitted the small minibatches.",
                    "noise is taken for over-fitting",
                    (
                        "It is the <i>training</i> loss, over all training examples, that rises. "
                        "Over-fitting lowers it."
                    ),
                ),
                Right(
                    "The noise of the small minibatches.",
                    (
                        "Noise puts a floor under the loss, and the floor rises with the rate and "
                        "falls with the size of the minibatch."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Constant or decayed rate, each with its best peak, and the same number of "
                "updates. Which ends at the lower training loss?"
            ),
            (
                Wrong(
                    "The decayed one, always.",
                    "a lower floor is taken for the whole story",
                    (
                        "Decay lowers the floor and costs time. In the chapter's long run with "
                        "right labels it ended higher."
                    ),
                ),
                Right(
                    "The decayed one if noise is the limit; if time is, it may be the other.",
                    (
                        "A falling rate lowers the noise floor, and its mean is below its peak. "
                        "Which of the two counts depends on what still limits the loss."
                    ),
                ),
                Wrong(
                    "The constant one, since its steps stay long.",
                    "long steps are taken for fast progress at the end",
                    (
                        "Where the noise floor is reached, long steps keep the loss up. There "
                        "decay ended lower."
                    ),
                ),
            ),
        ),
    ),
)
