"""Questions on chapter 8: batch normalisation: what it does."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Batch normalisation: what it does",
    (
        Question(
            (
                "Three ReLU layers that learn well without batch norm. What did batch "
                "norm change in the chapter's measurement?"
            ),
            (
                Wrong(
                    (
                        "The best accuracy rose clearly, as the larger steps found better weights "
                        "than before."
                    ),
                    "a wider door is taken for a better room",
                    "At each one's best rate the two differed by a point or less.",
                ),
                Right(
                    (
                        "The range of rates that work reached further up; the best accuracy hardly "
                        "changed."
                    ),
                    (
                        "Batch norm raised the largest rate that works several times. On this "
                        "task, which both can do, the best was about the same."
                    ),
                ),
                Wrong(
                    "Every rate worked.",
                    "a wider range is taken for an endless one",
                    "With batch norm, too, there was a rate at which everything broke.",
                ),
            ),
        ),
        Question(
            (
                "Fifty plain ReLU layers, each with batch norm in front of the ReLU; wide layers, "
                "large minibatches. What does the squared gradient do on its way down, at the "
                "start?"
            ),
            (
                Wrong(
                    "It keeps its size, since the forward signal does.",
                    "the signal's level is taken for the gradient's",
                    (
                        "Each standardisation throws a mean away and blows the rest up to variance "
                        "1. The gradient gets the blow-up in full."
                    ),
                ),
                Wrong(
                    "It grows, and smaller weights would stop it.",
                    "the weights are thought to set the factor",
                    "The next standardisation divides by the size of the weights: it cancels.",
                ),
                Right(
                    "It grows by a constant factor a layer, whatever the spread of the weights.",
                    (
                        "The factor is the mean squared slope over the variance of the output, "
                        "above 1 for every activation that is not a straight line. The spread "
                        "cancels."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Random shifts are put behind batch norm at every update, larger than those that "
                "training makes by itself. The network learns nearly as well. What does this speak "
                "against?"
            ),
            (
                Right(
                    "That batch norm helps <i>because</i> it stops such shifts.",
                    "If holding still were what helps, un-holding should hurt. It hardly did.",
                ),
                Wrong(
                    "That such shifts exist.",
                    "a denied cause is taken for a denied fact",
                    (
                        "The shift is there and was measured. What is doubted is that it stands in "
                        "the way."
                    ),
                ),
                Wrong(
                    "That batch norm helps.",
                    "a theory of a method is taken for the method",
                    (
                        "The helpful effect was measured as well. Only one explanation of it is in "
                        "trouble."
                    ),
                ),
            ),
        ),
        Question(
            "Why does batch norm need another mode in use, while layer norm and group norm do not?",
            (
                Right(
                    "It alone averages over examples.",
                    (
                        "The other norms take their means within one example, and one example is "
                        "there in use as well."
                    ),
                ),
                Wrong(
                    "It alone has learned parameters γ and β.",
                    "γ and β are taken for what needs the mode",
                    (
                        "The others have such parameters, too. They do the same in training and in "
                        "use."
                    ),
                ),
                Wrong(
                    "It alone can be used in convolutions.",
                    "the place of use is taken for the axis of the mean",
                    "All of them can. They differ in which numbers share a mean.",
                ),
            ),
        ),
        Question(
            (
                "A pretrained body with batch norm gets <code>requires_grad_(False)</code> and "
                "stays in training mode while a new last layer learns. What of the body changes?"
            ),
            (
                Wrong(
                    "Nothing: it is frozen, all of it.",
                    "the parameters are taken for all of the state",
                    (
                        "Running means and variances are no parameters. No gradient reaches them, "
                        "and each forward pass in training mode moves them."
                    ),
                ),
                Wrong(
                    "γ and β go on learning.",
                    "buffers and parameters are swapped",
                    (
                        "γ and β are parameters, and those are frozen. What moves are the running "
                        "statistics."
                    ),
                ),
                Right(
                    "The running statistics.",
                    (
                        "They are buffers, moved by every forward pass in training mode. "
                        "<code>eval()</code> stops them."
                    ),
                ),
            ),
        ),
    ),
)
