"""Questions on chapter 6: layer-wise pretraining with autoencoders."""

from course_utils.quizzes.common import Question, Quiz, Right, Wrong

QUIZ = Quiz(
    "Layer-wise pretraining with autoencoders",
    (
        Question(
            (
                "An autoencoder has a code of <i>one</i> unit. Is there an encoder and a decoder, "
                "both continuous, that give back 1297 different images exactly?"
            ),
            (
                Wrong(
                    "No: 64 pixels cannot pass through one number.",
                    "a narrow code is taken for a limit on finitely many images",
                    (
                        "Project on a random direction: finitely many different images get "
                        "different codes, and the decoder can walk from one image to the next."
                    ),
                ),
                Right(
                    "Yes, as for any finite number of images.",
                    (
                        "Each image gets its own number, and the decoder joins the images by "
                        "straight lines. It has learned nothing that carries over to new ones."
                    ),
                ),
                Wrong(
                    "Only if the images have enough in common.",
                    "memorising is taken for finding structure",
                    (
                        "The construction works for images of pure noise as well. It never asks "
                        "what they have in common."
                    ),
                ),
            ),
        ),
        Question(
            (
                "All points of a circle, a continuous encoder, a code of one number. What is "
                "impossible?"
            ),
            (
                Wrong(
                    "A small error for the typical point.",
                    "the worst case is taken for the typical one",
                    (
                        "The typical error can be as small as one likes. Only somewhere on the "
                        "circle a tear must remain."
                    ),
                ),
                Wrong(
                    "Nothing, if there are enough hidden units.",
                    "many units are taken to beat continuity",
                    (
                        "With any number of units the encoder stays continuous, and two opposite "
                        "points get the same code. One of them is off by at least the radius."
                    ),
                ),
                Right(
                    "A small error for every point.",
                    (
                        "Somewhere two opposite points share a code, and hence a reconstruction. "
                        "For one of the two the error is at least the radius."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A linear autoencoder with <i>k</i> code units is trained to its least "
                "loss on the centred digits. What does it share with the first <i>k</i> "
                "principal components?"
            ),
            (
                Right(
                    "The subspace that the decoder spans, and the loss.",
                    (
                        "Any invertible matrix may be put between encoder and decoder and changes "
                        "neither. So the subspace is fixed, and the directions in it are not."
                    ),
                ),
                Wrong(
                    "Its units are the components.",
                    "a subspace is taken for one basis of it",
                    (
                        "Nothing in the loss asks the units to be orthogonal or in order. They "
                        "span the same space in other directions."
                    ),
                ),
                Wrong(
                    "Its encoder and its decoder both span the components' subspace.",
                    "the encoder is taken for the mirror of the decoder",
                    (
                        "Pixels that never vary give no gradient, so the encoder keeps its random "
                        "weights there. Only the decoder must span the subspace."
                    ),
                ),
            ),
        ),
        Question(
            (
                "A deep sigmoid network learns after pretraining and stays at guessing from the "
                "library's default start. What follows?"
            ),
            (
                Wrong(
                    "It was what the network learned from the images without labels that helped.",
                    "the first explanation is taken for the only one",
                    (
                        "Pretraining changes the size of the weights, too, and sees labelled "
                        "images as well. Controls have to tell these apart."
                    ),
                ),
                Wrong(
                    "Deep sigmoid networks need pretraining.",
                    "a bad start is taken for the only other start",
                    "The chapter's random start of a useful size learns without any pretraining.",
                ),
                Right(
                    "The default start is a bad one here; what pretraining adds is still open.",
                    (
                        "The comparison is with a start that fails. A random start of a good size "
                        "is the control that is missing."
                    ),
                ),
            ),
        ),
        Question(
            (
                "Digits of 64 pixels, greedy pretraining of five layers of 50 units, a "
                "few hundred updates each. From layer 2 on none is narrower than the one "
                "below. Does the fifth code hold what the first one held?"
            ),
            (
                Wrong(
                    "Yes: none of them is narrower, so nothing is lost.",
                    "what a layer could do is taken for what it learned",
                    (
                        "It could pass everything on. After the chapter's short training it does "
                        "not, and the losses add up over the layers."
                    ),
                ),
                Right(
                    "No: a part is lost, though no width forces it.",
                    (
                        "Each layer keeps what its own training made it keep. In the chapter 3 % "
                        "of the images' variance was lost after the first layer and about half "
                        "after the fifth."
                    ),
                ),
                Wrong(
                    "It holds next to nothing, since no labels were used.",
                    "without labels is taken for without information",
                    "A linear classifier still reads most digits from the fifth code.",
                ),
            ),
        ),
    ),
)
