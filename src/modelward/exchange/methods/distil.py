"""Taking over what a pool knows into one's own architecture, on a shared unlabelled set.

Minimise

    - sum_c t_c log p_c   on the shared set, t the pool's probabilities
    + 0.5 CE(z + log pi_s, y)   on the site's own labelled units

The shared set is public or synthetic and the same everywhere; what travels is predictions on
it, one byte a class (probability.py). Nothing else of the teachers has to be known.
"""

import numpy as np

from modelward.core.tensors import Tensors
from modelward.exchange.families.family import Draft, Family, Floats, Inputs
from modelward.exchange.methods.learn import Lesson, Steps, labelled, learn, together
from modelward.exchange.methods.probability import Labels

OWN = 0.5
"""Weight of the site's own labels."""


def lesson(shared: Inputs, taught: Floats, x: Inputs, y: Labels) -> Lesson:
    """Return the lesson of a pool and of own labels.

    Args:
        shared: The shared set, [m, ...].
        taught: The pool's log-probabilities on it, [m, classes].
        x: Own training examples, [n, ...].
        y: Their classes.
    """
    classes = taught.shape[1]
    from_pool = Lesson(shared, np.exp(taught), np.zeros_like(taught), np.ones(len(shared)))
    own = labelled(x, y, classes, balanced=True)
    # Both parts are means over their own examples, whatever their numbers are.
    share = (len(shared) + len(x)) / 2
    return together(
        [
            Lesson(own.x, own.target, own.offset, own.weight * (OWN * share / len(x))),
            Lesson(
                shared,
                from_pool.target,
                from_pool.offset,
                np.full(len(shared), share / len(shared)),
            ),
        ]
    )


def distil(family: Family, start: Tensors, taken: Lesson, steps: Steps, seed: int) -> Draft:
    """Return the student: `start` after learning the lesson."""
    return learn(family, start, taken, steps, seed)
