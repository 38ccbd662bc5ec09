"""FedNova: an average that does not lean towards sites that made more steps.

Source: Wang et al. 2020, arXiv:2007.07481, eq. 9 and section 4. With tau_i local steps and
p_i the share of patients:

    x <- x + tau_eff sum_i p_i d_i / |a_i|_1        tau_eff = sum_i p_i |a_i|_1

    |a|_1 = tau                                              plain descent
          = (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho)      momentum rho
          = (1 - (1 - lr mu)^tau) / (lr mu)                  pulled to the start by mu (FedProx)

where d_i is what the site sends, local minus global. tau_i follows from the signed plan and
the number of patients, so nothing else has to leave. FedAvg is the case in which all |a_i|
are equal, and so is a study with one site.

A step is held to the norm that one update may have: a claim about patients cannot turn the
division into a lever.
"""

from collections.abc import Mapping

import numpy as np

from modelward.core.tensors import FlatF32


def length(steps: int, *, momentum: float = 0.0, shrink: float = 0.0) -> float:
    """Return |a|_1 of `steps` local steps.

    Args:
        steps: tau, at least 1.
        momentum: rho, in [0, 1).
        shrink: lr * mu of a pull to the start of the round, in [0, 1); 0 with momentum.
    """
    if shrink:
        return (1.0 - (1.0 - shrink) ** steps) / shrink
    left = 1.0 - momentum
    return (steps - momentum * (1.0 - momentum**steps) / left) / left


def combined(means: Mapping[float, tuple[FlatF32, int]], longest: float) -> FlatF32:
    """Return the update of a round, [size].

    Args:
        means: |a|_1 -> mean update of the sites with this length, [size], and their patients.
        longest: L2 norm that the result is scaled down to.
    """
    whole = sum(patients for _, patients in means.values())
    effective = sum(each * patients / whole for each, (_, patients) in sorted(means.items()))
    total = np.zeros(next(iter(means.values()))[0].size)
    for each in sorted(means):
        mean, patients = means[each]
        total += mean * (patients / whole * effective / each)
    norm = float(np.sqrt(np.square(total).sum()))
    if norm > longest:
        total *= longest / norm
    return total.astype(np.float32)
