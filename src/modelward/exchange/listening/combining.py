"""Balanced FENS over letters: only the small combiner travels (fens.py has the method).

Whoever has an artifact in the pool takes part, in `LETTERS` letters a site, each with the
combiner after `EACH` rounds of own steps:

    letter r of a site starts from the mean of all sites' letters r - 1, in name order
    it is written when all of those are there: a site that is away is waited for
    the combiner is the mean of the letters `LETTERS`, the same bits at every site

Nobody aggregates: every site takes the same mean of the same letters. Weights travel as whole
numbers on a grid of 2^-12. A combiner has learnt from private validation units, so it goes
through the gate as an `adapter`, which is what it is: a small layer over models that stay as
they are. Classes with fewer validation units than the policy's minimum cell are left out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from modelward.core.canonical import Json, canonical_hash
from modelward.core.task import Publication
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.core.verdict import Release
from modelward.exchange.documents.card import Made
from modelward.exchange.giving import leaving
from modelward.exchange.giving.offering import refused
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.inspection import Subject
from modelward.exchange.listening.candidates import Table
from modelward.exchange.listening.hearing import Combine
from modelward.exchange.methods import fens
from modelward.exchange.methods.fens import LETTERS, Combiner
from modelward.gate.offer import Offer

FENS = "balanced-fens"
GRID, LARGEST = 2.0**12, 2**20
"""Weights are whole numbers below `LARGEST` on a grid of 1 / `GRID`."""


def step(here: Institution, made: Table, own: Examples) -> int:
    """Write the next letter of the combiner if it is our turn; return its number, else 0.

    Raises:
        GateRefused: If the policy has something against it.
    """
    if here.name not in _sites(made) or len(made.used) < 2:  # noqa: PLR2004 - one is no pool
        return 0
    heard = _heard(here, made)
    ready = _ready(heard, _sites(made))
    if ready == LETTERS or here.name in heard.get(ready + 1, {}):
        return 0
    counts = np.bincount(own.valid_y, minlength=len(here.question.labels))
    rows = counts[own.valid_y] >= here.policy.min_cell
    if not rows.any():
        return 0
    now = _mean(heard, ready, made, len(here.question.labels))
    seen = [each.log_p for each in made.pool.opinions(own.valid_x[rows])]
    now = fens.local_steps(now, fens.learner(seen, own.valid_y[rows]))
    _publish(here, made, ready + 1, now, counts[counts >= here.policy.min_cell])
    return ready + 1


def waits_for(here: Institution, made: Table) -> tuple[str, ...]:
    """Return whose next letter this pool's combiner waits for; empty if it is finished."""
    sites = _sites(made)
    if len(made.used) < 2:  # noqa: PLR2004 - one is no pool
        return ()
    heard = _heard(here, made)
    ready = _ready(heard, sites)
    return () if ready == LETTERS else tuple(sorted(set(sites) - set(heard.get(ready + 1, {}))))


def finished(here: Institution, made: Table) -> Combiner | None:
    """Return the combiner of this pool; None while letters are missing."""
    heard = _heard(here, made)
    if len(made.used) < 2 or _ready(heard, _sites(made)) < LETTERS:  # noqa: PLR2004
        return None
    return _mean(heard, LETTERS, made, len(here.question.labels))


def behind(combiner: Combiner) -> Combine:
    """Return how opinions become one behind the combiner."""
    return lambda opinions: fens.combined(combiner, [each.log_p for each in opinions])


def tensors(combiner: Combiner) -> Tensors:
    """Return the combiner as it is kept and released: whole numbers on the grid."""
    return {
        name: np.clip(np.rint(values * GRID), -LARGEST, LARGEST).astype(np.int64)
        for name, values in (("bias", combiner.bias), ("weight", combiner.weight))
    }


def restored(kept: Mapping[str, Any]) -> Combiner:
    """Return the combiner in what `tensors` made."""
    return Combiner(np.asarray(kept["weight"]) / GRID, np.asarray(kept["bias"]) / GRID)


def _publish(
    here: Institution, made: Table, number: int, now: Combiner, cells: np.ndarray[Any, Any]
) -> None:
    content, pool = tensors(now), made.id(FENS)
    classes, width = content["weight"].shape
    said: dict[str, Json] = {name: values.tolist() for name, values in content.items()}
    about: dict[str, Json] = {"pool": pool, "round": number}
    cause = Publication(
        study=here.question.sha256,
        round_no=number,
        kind="report",
        subject=canonical_hash({**about, **said}),
    )
    made_of = Made(family="linear", inputs=here.question.inputs)
    subject = Subject(kind="combiner", made=made_of, tensors=content)
    put = Offer(
        task=cause,
        kind="adapter",
        tensors=content,
        patients=int(cells.sum()),
        schema=Schema.of(
            TensorSpec("bias", "I64", (classes,)), TensorSpec("weight", "I64", (classes, width))
        ),
        sent_bytes=here.sent.for_study(cause.study),
        today_bytes=here.sent.today(),
        look=here.looking.at(cause.id, subject),
    )
    rules = leaving.rules(here.policy, here.question.purpose, tuple(int(n) for n in cells))
    answer = here.door.decide(cause, lambda: put, rules)
    if not isinstance(answer, Release):
        raise refused(here, cause)
    here.sent.note(cause.study, answer.artifact.card.nbytes)
    here.say("combiner", {**about, **said, "release": answer.artifact.card.sha256})


def _sites(made: Table) -> list[str]:
    return sorted({each.entry.card.site for each in made.used})


def _heard(here: Institution, made: Table) -> dict[int, dict[str, Combiner]]:
    """Return round -> site -> combiner, of who takes part; the first of each counts."""
    pool, sites = made.id(FENS), set(_sites(made))
    shape = (len(here.question.labels), len(made.used) * len(here.question.labels))
    found: dict[int, dict[str, Combiner]] = {}
    for letter in here.book.letters("combiner"):
        if letter.body.get("pool") != pool or letter.sender not in sites:
            continue
        read = _read(letter.body, shape)
        if read is not None:
            found.setdefault(int(letter.body["round"]), {}).setdefault(letter.sender, read)
    return found


def _read(body: Mapping[str, Any], shape: tuple[int, int]) -> Combiner | None:
    """Return the combiner in a letter; None if it is none of this pool's shape and bounds."""
    try:
        weight = np.array(body["weight"], np.int64)
        bias = np.array(body["bias"], np.int64)
        number = int(body["round"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    right = weight.shape == shape and bias.shape == shape[:1] and 1 <= number <= LETTERS
    if not right or max(np.abs(weight).max(), np.abs(bias).max()) > LARGEST:
        return None
    return restored({"weight": weight, "bias": bias})


def _ready(heard: Mapping[int, Mapping[str, Combiner]], sites: list[str]) -> int:
    """Return the last round for which every site's letter is there."""
    number = 0
    while set(sites) <= set(heard.get(number + 1, {})):
        number += 1
    return number


def _mean(
    heard: Mapping[int, Mapping[str, Combiner]], number: int, made: Table, classes: int
) -> Combiner:
    if number == 0:
        return fens.initial(len(made.used), classes)
    return fens.averaged([heard[number][site] for site in _sites(made)])
