"""Questions on chapter 4: bad starts."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Bad starts",
    (
        Question(
            (
                "All units of a hidden layer start with equal incoming weights and equal biases, "
                "but with different outgoing weights. There is no dropout. What happens?"
            ),
            (
                Wrong(
                    "They stay equal for ever, since equal units get equal gradients.",
                    "equal incoming weights are taken for enough",
                    (
                        "The error of a unit comes back through its <i>outgoing</i> weights. Where "
                        "these differ the errors differ, and so do the gradients."
                    ),
                ),
                Wrong(
                    "They stay equal until rounding parts them.",
                    "units that differ above are taken for twins",
                    (
                        "That is so for twins, whose outgoing weights are equal too. Here nothing "
                        "as small as rounding is needed."
                    ),
                ),
                Right(
                    "As a rule they part at the first update.",
                    (
                        "Different outgoing weights bring back different errors, and with them "
                        "different gradients for the incoming weights."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A classifier with four hidden layers of ReLU units. All weights and "
                "biases start at 0. After many updates of plain descent on random "
                "minibatches, what may have moved?"
            ),
            (
                Right(
                    "The output bias and nothing else.",
                    (
                        "The last weights are 0 and cut off all errors below; the hidden outputs "
                        "are 0, so the last weights get no gradient either. The bias of the output "
                        "does, and learns how frequent the classes are."
                    ),
                ),
                Wrong(
                    "Nothing at all.",
                    "the bias of the output is forgotten",
                    (
                        "Its gradient is the sum of the output errors, which is not 0 on an "
                        "unbalanced minibatch. The network learns the frequency of the classes."
                    ),
                ),
                Wrong(
                    "All weights, in step with each other.",
                    "a start at zero is taken for a start of twins that learn",
                    (
                        "Moving in step is what a sigmoid network does. With ReLU no gradient of a "
                        "weight is ever different from 0."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Why does a sigmoid network started at zero begin to move, while a tanh network "
                "does not move a single weight?"
            ),
            (
                Wrong(
                    "The sigmoid's slope at 0 is ¼, so errors get through.",
                    "the slope is given credit for what the output does",
                    "tanh has the larger slope at 0, namely 1, and stays where it is.",
                ),
                Right(
                    "Its hidden units answer ½ to everything, so the last weights have a gradient.",
                    (
                        "A weight's gradient is what comes from below times the error from above. "
                        "For tanh the part from below is 0, for the sigmoid ½."
                    ),
                ),
                Wrong(
                    (
                        "The units of a sigmoid layer start out different from each other, and "
                        "tanh units are twins."
                    ),
                    "moving is taken for a broken symmetry",
                    (
                        "From zeros all units of a layer are twins, and they stay so while the "
                        "network learns."
                    ),
                ),
            ),
        ),
        Question(
            (
                "With grey values, 0 and up, a large rate kills most ReLU units of the first "
                "layer; with centred values of the same mean square none dies. Why?"
            ),
            (
                Wrong(
                    (
                        "Grey values are the larger numbers, and they make every gradient and "
                        "every step larger."
                    ),
                    "the size of the inputs is blamed",
                    "Both versions have the same mean square.",
                ),
                Wrong(
                    "The weights for grey values start too large.",
                    "the start is blamed for what a step does",
                    (
                        "At a small rate few units die from the same start. It is the large step "
                        "that kills."
                    ),
                ),
                Right(
                    (
                        "One step then moves a unit's <i>z</i> by nearly the same amount for all "
                        "images."
                    ),
                    (
                        "The change of <i>z</i> at an image goes with its products with the "
                        "images of the minibatch. Grey values make none of these negative, and "
                        "all much alike, so all the data go below zero together."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Deep ReLU layers with PyTorch's default weights and biases: the mean square of "
                "<i>z</i> settles at a steady level. Is the signal healthy?"
            ),
            (
                Right(
                    (
                        "No: what is kept is the biases' doing, and the difference between inputs "
                        "fades."
                    ),
                    (
                        "In the difference of two inputs the bias cancels, so nothing keeps the "
                        "difference up. Ten layers on, all inputs look nearly alike."
                    ),
                ),
                Wrong(
                    "Yes: it neither vanishes nor explodes.",
                    "size is taken for information",
                    (
                        "What is steady is the same for all inputs. The part that differs between "
                        "them shrinks by a constant factor a layer."
                    ),
                ),
                Wrong(
                    "No: the gradient explodes on its way down, since the biases add up.",
                    "biases are thought to act on the gradient",
                    (
                        "A bias does not stand in the factor on the gradient. The gradient "
                        "shrinks, by the same factor as the difference between inputs."
                    ),
                ),
            ),
        ),
    ),
)
