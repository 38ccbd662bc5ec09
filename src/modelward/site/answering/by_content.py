"""Training that depends on a site's records and on nothing else about the site.

A study that shares by contribution has to tell who trained on another's patients. Batches and
draws are therefore named by what is in the records: examples are trained on in the order of
their hashes, and the draws of a round carry a hash of all of them in place of the site's name.
Two sites with the same examples then make the same update bit for bit, in whatever order their
files are, and evaluate/sharing/contribution.py takes them for one. For everybody else it is
another draw of batches, no better and no worse.

A record that is changed by one grey value has another hash, and its site other batches: this
finds copies, not who hides that it copies.

Under differential privacy nothing is renamed: noise is each site's own, so no two updates are
the same.
"""

from hashlib import sha256

import numpy as np

from modelward.core.study import Study
from modelward.learn.examples import Examples


def ordered(study: Study, training: Examples, site: str) -> tuple[Examples, str]:
    """Return examples as a study trains on them, and what stands for the site in its draws.

    Args:
        study: The signed study.
        training: The site's training examples, in the order of its files.
        site: Its name.

    Returns:
        `training` itself and `site` in a study that does not train by content.
    """
    if study.sharing is None or not study.sharing.by_content:
        return training, site
    x, y = np.ascontiguousarray(training.x), np.ascontiguousarray(training.y)
    hashed = [
        sha256(one.tobytes() + outcome.tobytes()).digest()
        for one, outcome in zip(x, y, strict=True)
    ]
    order = sorted(range(len(hashed)), key=hashed.__getitem__)
    whole = sha256(b"".join(hashed[row] for row in order)).hexdigest()
    again = Examples(x=x[order], y=y[order], patients=training.patients, levels=training.levels)
    return again, whole
