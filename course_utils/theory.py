"""What theory predicts, in closed form or by quadrature, in float64.

Notation, in the whole module: inputs x are independent with mean μ and variance 1;
n is how many weights (or inputs) a unit has; B is the size of a minibatch; δ is the
derivative of an example's loss with respect to the unit's pre-activation.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma, ndtr, polygamma

from course_utils.quadrature import gauss_legendre


def _check_finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} must be a finite number, got {number}")


def _check_unit(mean: float, batch: int, weights: int) -> None:
    _check_finite(mean=mean)
    if batch < 1:
        raise ValueError(f"a batch needs at least 1 example, got {batch}")
    if weights < 1:
        raise ValueError(f"a unit needs at least 1 weight, got {weights}")


def one_sign_share(mean: float, batch: int, weights: int = 2) -> float:
    """How often the update Σᵢ δᵢxᵢ of a unit has one sign in all its weights.

    For normal inputs and normal errors δ with mean 0, all independent. Given the
    errors, the entries of Σᵢ δᵢxᵢ are independent normal variables with mean μΣδ and
    variance Σδ², so each is positive with probability p = Φ(μ√B·u), where
    u = Σδ/√(B Σδ²). One sign in all n entries has probability pⁿ + (1 − p)ⁿ. It remains
    to average over u, which is one coordinate of a random direction in B dimensions:
    u = sin θ with density ∝ cosᴮ⁻²θ, and u = ±1 for B = 1.

    Args:
        mean: μ, the inputs' mean over their standard deviation.
        batch: B, at least 1.
        weights: n, at least 1.

    Returns:
        A probability. B = 1: Φ(μ)ⁿ + Φ(−μ)ⁿ. For n = 2 and B → ∞ it goes to
        ½ + arcsin(ρ)/π with ρ = μ²/(1 + μ²).

    Raises:
        ValueError: if ``batch`` or ``weights`` is below 1.

    Example:
        >>> round(one_sign_share(2.0, 1), 3), round(one_sign_share(2.0, 10_000), 3)
        (0.956, 0.795)
    """
    _check_unit(mean, batch, weights)
    u, density = _direction(batch)
    return float((density * _one_sign_given(u, mean, batch, weights)).sum())


def _direction(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Values u of one coordinate of a random direction in B dimensions, and their weights."""
    if batch == 1:
        return np.array([1.0]), np.array([1.0])  # −1 gives the same share
    nodes, weights = gauss_legendre(200)
    theta = nodes * min(math.pi / 2, 12 / math.sqrt(batch))  # beyond, the density is nothing
    density = weights * np.cos(theta) ** (batch - 2)
    return np.sin(theta), density / density.sum()


def one_sign_share_equal_errors(mean: float, batch: int, weights: int = 2) -> float:
    """The same share when all errors in the batch are equal: u = 1, so p = Φ(μ√B).

    Errors are about equal when the bias is far from fitted: every output is too low.

    Raises:
        ValueError: if ``batch`` or ``weights`` is below 1.

    Example:
        >>> round(one_sign_share_equal_errors(1.0, 100), 6)
        1.0
    """
    _check_unit(mean, batch, weights)
    return float(_one_sign_given(np.array([1.0]), mean, batch, weights)[0])


def _one_sign_given(u: np.ndarray, mean: float, batch: int, weights: int) -> np.ndarray:
    push = mean * math.sqrt(batch) * u
    share: np.ndarray = ndtr(push) ** weights + ndtr(-push) ** weights
    return share


def one_sign_share_signal(mean: float, batch: int) -> float:
    """The same share for two weights while there is a signal: δ = v·x, v = (1, −1)/√2.

    These are the errors of a linear unit whose optimum lies across the mean. With
    a = v·x ~ N(0, 1) and b ~ N(√2μ, 1) along the mean, both entries of Σ δx have one
    sign if |Σab| > Σa². Given the a's, Σab is normal with mean √2μΣa and variance Σa²,
    so with r² = Σa² (χ² with B degrees) and T = Σa/r the chance is
    Φ(√2μT − r) + Φ(−√2μT − r). The direction and the length of a are independent.

    Args:
        mean: μ.
        batch: B, at least 1.

    Returns:
        A probability; for large B about 2Φ(−√(B/(1 + 2μ²))): it goes to 0.

    Raises:
        ValueError: if ``batch`` is below 1.

    Example:
        >>> round(one_sign_share_signal(2.0, 1), 3), one_sign_share_signal(2.0, 64) < 0.02
        (0.956, True)
    """
    from scipy.stats import chi  # here: few chapters need its half a second

    _check_unit(mean, batch, 2)
    nodes, node_weights = gauss_legendre(200)
    shortest, longest = max(0.0, math.sqrt(batch) - 9), math.sqrt(batch) + 9
    r = shortest + (longest - shortest) * (nodes + 1) / 2
    density_r = node_weights * chi.pdf(r, batch)
    u, density_u = _direction(batch)
    push = math.sqrt(2 * batch) * mean * u[:, None]
    shares = ndtr(push - r) + ndtr(-push - r)
    weights = density_u[:, None] * density_r
    return float((shares * weights).sum() / weights.sum())


def one_sign_share_large_batch(mean: float) -> float:
    """The limit B → ∞ of ``one_sign_share`` for two weights: ½ + arcsin(ρ)/π.

    ρ = μ²/(1 + μ²) is the correlation of the two entries of the update, and the chance
    that two normal variables with correlation ρ have the same sign is Sheppard's
    formula (W. F. Sheppard, 1899, doi:10.1098/rsta.1899.0003).

    Example:
        >>> one_sign_share_large_batch(0.0)
        0.5
    """
    _check_finite(mean=mean)
    rho = mean**2 / (1 + mean**2)
    return 0.5 + math.asin(rho) / math.pi


def path_ratio_one_example(mean: float) -> float:
    """Path over straight line, one example at a time, for an optimum across the mean.

    Two weights, small steps, the optimum in the direction v = (1, −1)/√2. An example
    moves the weights by η·s·(v·x)·x at distance s, so the path grows by E|v·x|‖x‖ for
    each unit of progress E(v·x)² = 1. With a = v·x ~ N(0, 1) and b ~ N(√2μ, 1) along
    the mean, ‖x‖² = a² + b².

    Args:
        mean: μ.

    Returns:
        E[|a|·√(a² + b²)]: 4/π for μ = 0, about 2μ/√π for large μ.

    Example:
        >>> round(path_ratio_one_example(0.0), 4) == round(4 / math.pi, 4)
        True
    """
    _check_finite(mean=mean)
    nodes, weights = gauss_legendre(200)
    a, weight_a = 6 * (nodes + 1), 6 * weights  # |a| from 0 to 12
    b, weight_b = 12 * nodes, 12 * weights  # b − √2μ from −12 to 12
    density_a = weight_a * 2 * np.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)
    density_b = weight_b * np.exp(-(b**2) / 2) / math.sqrt(2 * math.pi)
    length = np.sqrt(a[:, None] ** 2 + (b[None, :] + math.sqrt(2) * mean) ** 2)
    return float(((a * density_a)[:, None] * length * density_b[None, :]).sum())


def product_variance(mean_x: float, variance_x: float, mean_w: float, variance_w: float) -> float:
    """Variance of the product of two independent variables.

    E[X²W²] − (E[X]E[W])² = E[X]²Var W + E[W]²Var X + Var X Var W
    (L. Goodman, 1960, doi:10.2307/2281592).

    Raises:
        ValueError: if a variance is negative.

    Example:
        >>> product_variance(1, 1, 0, 0.01)
        0.02
    """
    _check_finite(mean_x=mean_x, variance_x=variance_x, mean_w=mean_w, variance_w=variance_w)
    if variance_x < 0 or variance_w < 0:
        raise ValueError(f"variances must be at least 0, got {variance_x} and {variance_w}")
    return mean_x**2 * variance_w + mean_w**2 * variance_x + variance_x * variance_w


def log_norm_step(width: int, relu: bool = False) -> tuple[float, float]:
    """Mean and variance of log(‖h′‖²/‖h‖²) for one layer that keeps E‖h‖².

    A linear layer with σ² = 1/n multiplies the squared norm by χ²_n/n. A ReLU layer
    with σ² = 2/n multiplies it by 2χ²_K/n, where K, the number of active units, is
    binomial (n, ½); given K ≥ 1. Layers are independent, so both numbers add up over
    depth; to leading order the variance of ReLU is 5/n and the mean −5/(2n).

    Source: B. Hanin, D. Rolnick (2018), arXiv:1803.01719, for the growth with Σ 1/n.

    Args:
        width: n, at least 2.
        relu: whether a ReLU follows.

    Raises:
        ValueError: if the width is below 2.

    Example:
        >>> mean, variance = log_norm_step(100, relu=True)
        >>> round(100 * variance, 1)
        5.2
    """
    from scipy.stats import binom  # here: few chapters need its half a second

    if width < 2:
        raise ValueError(f"a spread over units needs a width of at least 2, got {width}")
    if not relu:
        return float(digamma(width / 2) + math.log(2 / width)), float(polygamma(1, width / 2))
    active = np.arange(1, width + 1)
    share = binom.pmf(active, width, 0.5)
    share /= share.sum()
    mean = digamma(active / 2) + math.log(4 / width)
    overall = float((share * mean).sum())
    variance = float((share * (polygamma(1, active / 2) + (mean - overall) ** 2)).sum())
    return overall, variance


def largest_eigenvalue(inputs: int, mean: float) -> float:
    """Largest eigenvalue of E[xxᵀ] = I + μ²·11ᵀ: 1 + nμ²; the others are 1.

    Source: Y. LeCun, I. Kanter, S. Solla (1991), Second order properties of error
        surfaces, NeurIPS 3.

    Raises:
        ValueError: if ``inputs`` is below 1.

    Example:
        >>> largest_eigenvalue(50, 3.0)
        451.0
    """
    _check_finite(mean=mean)
    if inputs < 1:
        raise ValueError(f"a layer needs at least 1 input, got {inputs}")
    return 1 + inputs * mean**2


def condition_number(inputs: int, mean: float, bias: bool = False) -> float:
    """Largest over smallest eigenvalue of the second moment of the inputs.

    Without a bias: 1 + nμ². With a bias the input 1 is added. In the plane of that input
    and of the mean direction the matrix is ((1, √n μ), (√n μ, 1 + nμ²)): determinant 1,
    trace t = 2 + nμ². Its eigenvalues are λ and 1/λ with λ = (t + √(t² − 4))/2, so the
    condition number is λ².

    Args:
        inputs: n, at least 1 (at least 2 without a bias, else there is one eigenvalue).
        mean: μ.
        bias: whether the model has a bias.

    Raises:
        ValueError: if ``inputs`` is too small.

    Example:
        >>> condition_number(20, 1.0), round(condition_number(20, 1.0, bias=True))
        (21.0, 482)
    """
    _check_finite(mean=mean)
    fewest = 1 if bias else 2
    if inputs < fewest:
        raise ValueError(f"inputs must be at least {fewest} here, got {inputs}")
    if not bias:
        return largest_eigenvalue(inputs, mean)
    trace = 2 + inputs * mean**2
    return ((trace + math.sqrt(trace**2 - 4)) / 2) ** 2


def smallest_eigenvalue_of_sample(inputs: int, examples: int) -> float:
    """Lower edge (1 − √(n/N))² of the spectrum of a sample of N examples.

    The population's eigenvalues are 1; a finite sample spreads them.
    Source: V. Marchenko, L. Pastur (1967).

    Raises:
        ValueError: if there are not more examples than inputs.

    Example:
        >>> round(smallest_eigenvalue_of_sample(20, 20_000), 3)
        0.938
    """
    if not 0 < inputs < examples:
        raise ValueError(f"needs 0 < inputs < examples, got {inputs} inputs, {examples} examples")
    return (1 - math.sqrt(inputs / examples)) ** 2


def steps_to_shrink(condition: float, factor: float = 1000.0) -> float:
    """Steps of gradient descent at η = 1/λ_max until the slowest error is 1/factor.

    The slowest error is multiplied by 1 − 1/κ at each step
    (LeCun, Bottou, Orr, Müller 1998, section 5).

    Raises:
        ValueError: if the condition number is below 1, or the factor not above 1.

    Example:
        >>> round(steps_to_shrink(100.0))
        687
    """
    _check_finite(condition=condition, factor=factor)
    if condition < 1:
        raise ValueError(f"a condition number is at least 1, got {condition}")
    if factor <= 1:
        raise ValueError(f"factor must be more than 1, got {factor}")
    if condition == 1:
        return 1.0
    return math.log(factor) / -math.log1p(-1 / condition)
