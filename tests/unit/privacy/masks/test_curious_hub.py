"""A hub that follows the protocol, and t - 1 sites that tell it all they have: what they learn.

Seven sites, masks come off with five; four pool what they know. Every known answer is made from
secrets that only this test has.
"""

from collections.abc import Collection

import numpy as np
import pytest

from modelward.privacy.masks import hub, keys, shamir
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.messages import Advert, FromSite, Masked
from tests.masked_round import Ward, play

WARD = Ward(7)
COLLUDING, HONEST = WARD.names[:4], WARD.names[4:]


@pytest.fixture(scope="module")
def spoken() -> list[dict[str, FromSite]]:
    """What was said in each phase of a round in which everybody stays to the end."""
    centre, _, said = play(WARD)
    assert hub.finish(centre).tolist() == WARD.expected(WARD.names).tolist()
    return said


def secrets(name: str) -> keys.RoundKeys:
    """Return what a site keeps for itself."""
    return keys.RoundKeys(WARD.session, WARD.secret(name, "entropy"))


def pair(name: str, other: str) -> bytes:
    """Return the seed that two sites share."""
    theirs = keys.public_of(secrets(other).mask)
    return keys.pair_seed(WARD.session, secrets(name).mask, theirs, (name, other))


def stripped(name: str, spoken: list[dict[str, FromSite]], by: Collection[str]) -> Words:
    """Return the words of a site without the masks that the hub and the sites `by` can make.

    The self mask comes off for everybody in the last phase; the seed of a pair is known to
    either of the two.
    """
    said, advert = spoken[2][name], spoken[0][name]
    assert isinstance(said, Masked)
    assert isinstance(advert, Advert)
    words = said.words.copy()
    keys.add_mask(words, secrets(name).seed, minus=True)
    for other in by:
        mine = secrets(other).mask
        seed = keys.pair_seed(WARD.session, mine, advert.mask, (name, other))
        keys.add_mask(words, seed, minus=name < other)
    return words


def test_the_sum_over_the_others_is_what_all_but_one_colluder_learn(spoken):
    left = [stripped(name, spoken, COLLUDING) for name in HONEST]

    assert WARD.session.withstands_curious == len(COLLUDING)
    assert np.add.reduce(left).tolist() == WARD.expected(HONEST).tolist()


@pytest.mark.parametrize("name", HONEST)
def test_what_is_left_of_one_site_is_behind_the_masks_of_honest_pairs(spoken, name):
    left, hidden = stripped(name, spoken, COLLUDING), WARD.words[name].copy()

    for other in set(HONEST) - {name}:
        seed = pair(name, other)
        assert len(seed) * 8 == 256
        keys.add_mask(hidden, seed, minus=name > other)
    assert left.tolist() == hidden.tolist()
    assert (left != WARD.words[name]).all()


def test_with_all_others_colluding_the_last_site_stands_alone(spoken):
    """So the sum over the others is no protection where the others are one."""
    alone = stripped("site06", spoken, WARD.names[:6])

    assert alone.tolist() == WARD.words["site06"].tolist()


@pytest.mark.parametrize("name", HONEST)
def test_shares_of_all_but_one_colluder_do_not_rebuild_the_key_of_an_honest_site(name):
    made = secrets(name)
    points = range(1, WARD.n + 1)
    shares = shamir.split(made.mask, points, WARD.session.threshold, made.polynomial("key"))
    held = dict(zip(points, shares, strict=True))

    assert shamir.join({point: held[point] for point in range(1, 5)}) != made.mask
    assert shamir.join({point: held[point] for point in range(1, 6)}) == made.mask
