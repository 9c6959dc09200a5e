"""Scores of some scorers and what people said → a probability that never falls when a score rises.

Ridge-regularised logistic regression on the log-odds of the scores, weights held at zero or above, by Newton's method
on the weights that are free to move (Bertsekas 1982). The targets are drawn in a little (Platt 1999), so that a few
items that happen to be separable give no infinite weights. Same items in, same numbers out.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RIDGE: Final = 1.0  # against weights of standardised log-odds: a prior as wide as one step of 1
CLIP: Final = 1e-6  # scores are kept in six digits
_STEPS: Final = 60
_SETTLED: Final = 1e-9


def log_odds(score: float) -> float:
    """The log-odds of a score in [0, 1], finite at both ends."""
    clipped = min(max(score, CLIP), 1.0 - CLIP)
    return math.log(clipped) - math.log1p(-clipped)


def logistic(value: float) -> float:
    """The probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-value)) if value >= 0 else math.exp(value) / (1.0 + math.exp(value))


def fit_monotone(rows: Sequence[Sequence[float]], present: Sequence[bool]) -> tuple[float, tuple[float, ...]]:
    """Intercept and weights (none negative) for rows of log-odds, one column per scorer.

    A column that speaks against what people said gets the weight 0, and so does one that never changes.

    Raises:
        ValueError: no rows.
    """
    import numpy as np

    if not rows:
        raise ValueError("a fit needs at least one item")
    x_ND = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    mean, scale = x_ND.mean(axis=0), x_ND.std(axis=0)
    moving = scale > 1e-12
    z_ND = np.where(moving, (x_ND - mean) / np.where(moving, scale, 1.0), 0.0)
    z_ND = np.concatenate([np.ones((len(rows), 1)), z_ND], axis=1)
    yes = sum(present)
    targets = np.where(np.asarray(present), (yes + 1) / (yes + 2), 1 / (len(rows) - yes + 2))
    solution = _newton(z_ND, targets)
    weights = np.where(moving, solution[1:] / np.where(moving, scale, 1.0), 0.0)
    return float(solution[0] - weights @ mean), tuple(float(weight) for weight in weights)


def _newton(z_ND: "NDArray[np.float64]", targets: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    penalty = np.full(z_ND.shape[1], RIDGE)
    penalty[0] = 0.0

    def loss(w: "NDArray[np.float64]") -> float:
        raw = z_ND @ w
        return float(np.sum(np.logaddexp(0.0, raw) - targets * raw) + penalty @ (w * w) / 2)

    w = np.zeros(z_ND.shape[1])
    now = loss(w)
    for _ in range(_STEPS):
        probability = 0.5 * (1.0 + np.tanh(0.5 * (z_ND @ w)))
        gradient = z_ND.T @ (probability - targets) + penalty * w
        free = (w > 0) | (gradient < 0)
        free[0] = True
        if np.abs(gradient[free]).max() < _SETTLED:
            break
        curvature = (z_ND.T * (probability * (1 - probability))) @ z_ND + np.diag(penalty)
        direction = np.zeros_like(w)
        direction[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        length = 1.0
        while length > 1e-8:
            proposed = w - length * direction
            proposed[1:] = np.maximum(proposed[1:], 0.0)
            if (value := loss(proposed)) < now:
                break
            length /= 2
        else:
            break
        w, now = proposed, value
    return w
