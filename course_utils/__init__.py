"""The course's utility package: ``import course_utils as cu``.

Modules are floors, and a module imports only what stands before it here.

Ground: ``seeding``, ``processes``, ``quadrature``, ``data``, ``deliveries``, ``activations``,
``theory``, ``signals``.
Middle: ``initialization``, ``normalization``, ``networks``, ``training``,
``pretraining``, ``descent``, ``optimizers``, ``backpropagation``, ``gradients``, ``landscape``,
``probes``, ``recognition``, ``findings``, ``diagnose``, ``maps``, ``validity``.
Top: ``notebook``, ``plots``, ``show``, ``explorer_stage``, ``explorer_arrows``,
``explorer_page``, ``explorer_live``, ``explorer``, ``claims``, ``bets``, ``checks``, ``exercises``,
``quizzes``, ``quiz``.
"""

from course_utils import (
    findings,
    gradients,
    initialization,
    landscape,
    normalization,
    optimizers,
    plots,
    pretraining,
    signals,
    theory,
)
from course_utils.activations import (
    Activation,
    activation,
    centred,
    gaussian_expectation,
    gaussian_moments,
    linearity,
    saturated_share,
    scaled,
    steepest,
)
from course_utils.backpropagation import backprop
from course_utils.bets import break_it, brier_score, load_bets
from course_utils.claims import claim
from course_utils.data import digits, inputs_with_mean, standard_digits
from course_utils.deliveries import deliveries
from course_utils.descent import (
    eigenvalues,
    gradient_descent,
    one_example_at_a_time,
    path_ratio,
    second_moment,
    steps_to_excess,
    until,
)
from course_utils.diagnose import diagnose
from course_utils.exercises import check, progress, report
from course_utils.explorer import control, explore
from course_utils.gradients import (
    one_sign,
    squared_mean_over_variance,
    unit_gradients,
    unit_updates,
)
from course_utils.networks import MLP
from course_utils.notebook import COLOURS, start
from course_utils.processes import begin, side_by_side
from course_utils.quiz import quiz
from course_utils.seeding import generator, seeds
from course_utils.show import show
from course_utils.training import accuracy, cross_entropy, fit, steps_to_loss
from course_utils.validity import counterexamples, survives, the_map, validity_map

__all__ = [
    "COLOURS",
    "MLP",
    "Activation",
    "accuracy",
    "activation",
    "backprop",
    "begin",
    "break_it",
    "brier_score",
    "centred",
    "check",
    "claim",
    "control",
    "counterexamples",
    "cross_entropy",
    "deliveries",
    "diagnose",
    "digits",
    "eigenvalues",
    "explore",
    "findings",
    "fit",
    "gaussian_expectation",
    "gaussian_moments",
    "generator",
    "gradient_descent",
    "gradients",
    "initialization",
    "inputs_with_mean",
    "landscape",
    "linearity",
    "load_bets",
    "normalization",
    "one_example_at_a_time",
    "one_sign",
    "optimizers",
    "path_ratio",
    "plots",
    "pretraining",
    "progress",
    "quiz",
    "report",
    "saturated_share",
    "scaled",
    "second_moment",
    "seeds",
    "show",
    "side_by_side",
    "signals",
    "squared_mean_over_variance",
    "standard_digits",
    "start",
    "steepest",
    "steps_to_excess",
    "steps_to_loss",
    "survives",
    "the_map",
    "theory",
    "unit_gradients",
    "unit_updates",
    "until",
    "validity_map",
]
