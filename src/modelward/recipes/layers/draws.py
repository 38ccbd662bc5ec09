"""Random numbers by name.

Every draw in training comes from a generator that is named by words (study seed, round,
site ...). The words are hashed, so nobody has to hand a generator around, and a step that
is repeated after a crash, or in another process, draws the same numbers.

    key = first 128 bits of SHA-256(RFC 8785 JSON of the words)   stream = Philox 4x64 under key

The seed is public and signed with the study. Noise for privacy never comes from here.
"""

from hashlib import sha256

import numpy as np

from modelward.core.canonical import canonical_bytes


def draws(*words: str | int) -> np.random.Generator:
    """Return the generator named by `words`; the same words always give the same stream."""
    digest = sha256(canonical_bytes(list(words))).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))
