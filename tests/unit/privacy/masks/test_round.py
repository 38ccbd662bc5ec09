"""Whole rounds: exact sums whoever drops out, and what a lying hub runs into."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from modelward.errors import MaskingFailed
from modelward.privacy.masks import hub, keys, shamir, site
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.messages import (
    Advert,
    Adverts,
    Consents,
    FromSite,
    Inbox,
    Masked,
    Reveal,
    Survivors,
    ToSite,
)
from tests.masked_round import Lie, MemoryJournal, Ward, play

MASKED = 2
"""A site that is silent from a later phase on is in the sum."""


def check(ward: Ward, drops: dict[str, int]) -> None:
    """Play a round and hold its sum to the plain one."""
    centre, _, _ = play(ward, drops)
    counted = [name for name in ward.names if drops.get(name, 9) > MASKED]
    assert hub.finish(centre).tolist() == ward.expected(counted).tolist()


def random_drops(n: int, seed: int) -> dict[str, int]:
    """Return as many dropouts as a round of n survives, in random phases."""
    rng = np.random.default_rng([seed, n, 5])
    ward = Ward(n)
    gone = rng.permutation(ward.names)[: n - max(3, ward.session.threshold)]
    return {str(name): int(rng.integers(0, 5)) for name in gone}


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_sums_are_exact_for_all_dropouts_in_all_phases(n):
    spare = n - max(3, Ward(n).session.threshold)
    for count in range(spare + 1):
        for gone in combinations(Ward(n).names, count):
            for phases in product(range(5), repeat=count):
                check(Ward(n), dict(zip(gone, phases, strict=True)))


@pytest.mark.parametrize("bits", [64, 16, 8])
@pytest.mark.parametrize("n", [7, 10, 13])
def test_sums_are_exact_for_random_dropouts(n, bits):
    check(Ward(n, seed=1, bits=bits), random_drops(n, seed=1))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [7, 8, 9, 17, 23, 31, 40])
def test_sums_are_exact_up_to_forty_sites(n, seed):
    check(Ward(n, seed=seed), random_drops(n, seed))


@pytest.mark.parametrize("phase", range(5))
def test_one_dropout_too_many_ends_the_round(phase):
    ward = Ward(4)

    with pytest.raises(MaskingFailed, match="2 of 4 sites are left"):
        hub.finish(play(ward, dict.fromkeys(ward.names[:2], phase))[0])


def masked_words(ward: Ward) -> dict[str, Words]:
    """Return what each site sends behind its masks."""
    spoken = play(ward)[2][MASKED]
    return {name: said.words for name, said in spoken.items() if isinstance(said, Masked)}


@pytest.mark.parametrize("bits", [64, 16, 8])
def test_masked_bytes_are_even_and_unrelated_whatever_is_masked(bits):
    ward = Ward(4, size=320_000 // (bits // 8), bits=bits)
    ward.words = {name: np.zeros(ward.size, ward.session.dtype) for name in ward.names}

    found = masked_words(ward)

    for words in found.values():
        seen = np.bincount(words.view(np.uint8), minlength=256)
        assert stats.chisquare(seen).pvalue > 1e-4
    first, second = list(found.values())[:2]
    difference = np.bincount((first - second).view(np.uint8), minlength=256)
    assert stats.chisquare(difference).pvalue > 1e-4


def test_partial_sums_stay_masked_until_self_masks_are_revealed():
    ward = Ward(4)
    total = np.zeros(ward.size, np.uint64)
    for words in masked_words(ward).values():
        total += words

    # Pairwise masks are gone, the four self masks are not.
    assert (total != ward.expected(ward.names)).all()
    for name in ward.names:
        seed = keys.RoundKeys(ward.session, ward.secret(name, "entropy")).seed
        keys.add_mask(total, seed, minus=True)
    assert total.tolist() == ward.expected(ward.names).tolist()


@pytest.mark.parametrize(("bits", "sent"), [(16, "<u8"), (8, "<u2"), (64, "<u2")])
def test_words_of_another_width_are_not_added(bits, sent):
    ward = Ward(3, bits=bits)
    centre = hub.State(ward.session, phase=2, said=({}, dict.fromkeys(ward.names), {}))

    with pytest.raises(MaskingFailed, match=r"3 uint\d+ words"):
        hub.receive(centre, "site00", Masked(np.zeros(ward.size, sent)))
    ward.words["site00"] = np.zeros(ward.size, sent)
    with pytest.raises(MaskingFailed, match=r"3 uint\d+ words"):
        ward.begin("site00")


def test_sessions_of_two_widths_have_no_mask_in_common():
    assert Ward(3).session.binding != Ward(3, bits=16).session.binding


def test_one_colluder_too_few_cannot_rebuild_a_secret_and_one_more_can():
    session, threshold = Ward(7).session, 5
    made = keys.RoundKeys(session, bytes(range(32)))
    points = range(1, 8)
    shares = dict(
        zip(
            points,
            shamir.split(made.mask, points, session.threshold, made.polynomial("key")),
            strict=True,
        )
    )
    secret = made.mask

    assert session.threshold == threshold
    assert shamir.join({point: shares[point] for point in (1, 2, 3, 4)}) != secret
    assert shamir.join({point: shares[point] for point in (1, 2, 3, 4, 5)}) == secret


def test_no_site_ever_reveals_both_secrets_of_another():
    ward = Ward(7)

    spoken = play(ward, {"site01": 2, "site04": 3})[2]

    reveals = [said for said in spoken[4].values() if isinstance(said, Reveal)]
    assert len(reveals) == 5
    for said in reveals:
        assert set(said.keys) == {"site01"}
        assert set(said.seeds) == set(ward.names) - {"site01"}


def lying(phase: int, to: str, change: Callable[[ToSite], ToSite]) -> Lie:
    """Return a hub that tells `to` something else in one phase."""
    return lambda now, name, told: change(told) if (now, name) == (phase, to) else told


def swap_mask_key(told: ToSite) -> ToSite:
    assert isinstance(told, Adverts)
    mine = keys.public_of(bytes(range(32)))
    return Adverts({**told.of, "site00": replace(told.of["site00"], mask=mine)})


def invent_a_site(told: ToSite) -> ToSite:
    assert isinstance(told, Adverts)
    return Adverts({**told.of, "site99": told.of["site00"]})


def speak_for_another(told: ToSite) -> ToSite:
    assert isinstance(told, Adverts)
    return Adverts({**told.of, "site00": told.of["site02"]})


def alter_a_parcel(told: ToSite) -> ToSite:
    assert isinstance(told, Inbox)
    return Inbox(
        {**told.of, "site00": bytes([told.of["site00"][0] ^ 1]) + told.of["site00"][1:]}
    )


def leave_out_the_reader(told: ToSite) -> ToSite:
    assert isinstance(told, Survivors)
    return Survivors(tuple(name for name in told.names if name != "site01"))


def leave_out_two(told: ToSite) -> ToSite:
    assert isinstance(told, Survivors)
    return Survivors(("site00", "site01"))


def list_a_stranger(told: ToSite) -> ToSite:
    assert isinstance(told, Survivors)
    return Survivors((*told.names, "site99"))


def leave_out_another(told: ToSite) -> ToSite:
    assert isinstance(told, Survivors)
    return Survivors(tuple(name for name in told.names if name != "site03"))


def too_few_consents(told: ToSite) -> ToSite:
    assert isinstance(told, Consents)
    return Consents({name: told.of[name] for name in ("site01", "site02")})


def forge_a_consent(told: ToSite) -> ToSite:
    assert isinstance(told, Consents)
    return Consents({**told.of, "site00": told.of["site02"]})


LIES = {
    "a swapped mask key": (1, swap_mask_key, "not signed by the key pinned"),
    "an invented site": (1, invent_a_site, "not in the roster"),
    "one site's keys as another's": (1, speak_for_another, "not signed by the key pinned"),
    "an altered parcel": (2, alter_a_parcel, "does not open"),
    "a list without the reader": (3, leave_out_the_reader, "is missing from the list"),
    "a list that is too short": (3, leave_out_two, "2 of 4 sites are left"),
    "a list with a stranger": (3, list_a_stranger, "list of survivors"),
    "too few consents": (4, too_few_consents, "2 of 4 sites are left"),
    "a forged consent": (4, forge_a_consent, "not signed by the key pinned"),
}


@pytest.mark.parametrize("told", LIES.values(), ids=LIES)
def test_a_lying_hub_is_caught(told):
    phase, change, says = told

    with pytest.raises(MaskingFailed, match=says):
        play(Ward(4), lie=lying(phase, "site01", change))


def test_different_lists_of_survivors_are_caught_before_anything_is_revealed():
    ward = Ward(5)
    centre = hub.State(ward.session)
    states: dict[str, site.State] = {}
    told: dict[str, ToSite] = {}
    for phase in range(3):
        for name in ward.names:
            if phase == 0:
                states[name], said = ward.begin(name)
            else:
                states[name], said = site.step(states[name], told[name])
            centre = hub.receive(centre, name, said)
        centre, told = hub.close(centre)

    # The hub tells site00 and site01 that site04 is gone, and the others that it is not.
    signed: dict[str, bytes] = {}
    for name in ward.names:
        heard = leave_out_four(told[name]) if name in {"site00", "site01"} else told[name]
        states[name], consent = site.step(states[name], heard)
        signed[name] = getattr(consent, "signature", b"")

    for name in ward.names:
        with pytest.raises(MaskingFailed, match=r"not signed|are left"):
            site.step(states[name], Consents(signed))
        same = {"site00", "site01"}
        group = same if name in same else set(ward.names) - same
        with pytest.raises(MaskingFailed, match=r"not signed|are left"):
            site.step(states[name], Consents({each: signed[each] for each in group}))


def leave_out_four(told: ToSite) -> ToSite:
    assert isinstance(told, Survivors)
    return Survivors(tuple(name for name in told.names if name != "site04"))


def until(ward: Ward, phase: int) -> tuple[site.State, ToSite]:
    """Return site01 as it waits for the message of `phase`, and the honest message."""
    heard: list[tuple[site.State, ToSite]] = []
    states: dict[str, site.State] = {}
    centre, told = hub.State(ward.session), dict[str, ToSite]()
    for now in range(phase + 1):
        for name in ward.names:
            if now == 0:
                states[name], said = ward.begin(name)
            elif now < phase:
                states[name], said = site.step(states[name], told[name])
            else:
                heard.append((states["site01"], told["site01"]))
                return heard[0]
            centre = hub.receive(centre, name, said)
        centre, told = hub.close(centre)
    raise AssertionError("there are five phases")


def reborn(ward: Ward, phase: int, words: Words | None = None) -> site.State:
    """Return site01 after a restart, brought back to `phase` by the stored messages."""
    fresh = Ward(ward.n, ward.size, ward.seed)
    fresh.journals["site01"] = ward.journals["site01"]
    if words is not None:
        fresh.words["site01"] = words
    return until(fresh, phase)[0]


@pytest.mark.parametrize("phase", [1, 2, 3, 4])
def test_a_site_that_was_killed_says_the_same_bytes_again(phase):
    ward = Ward(4)
    state, told = until(ward, phase)
    first: FromSite = site.step(state, told)[1]

    again = site.step(reborn(ward, phase), told)[1]

    if isinstance(first, Masked):
        assert isinstance(again, Masked)
        assert again.words.tobytes() == first.words.tobytes()
    else:
        assert again == first


def test_new_entropy_after_a_restart_is_not_used():
    ward = Ward(4)
    _, first = ward.begin("site01")

    _, again = site.begin(ward.seat("site01"), bytes(32))

    assert again == first


def test_other_words_are_never_masked_in_the_same_round():
    ward = Ward(4)
    state, told = until(ward, 2)
    site.step(state, told)

    other = reborn(ward, 2, words=ward.words["site01"] + np.uint64(1))

    with pytest.raises(MaskingFailed, match="mask other words"):
        site.step(other, told)


def test_a_second_list_of_survivors_is_never_signed():
    ward = Ward(5)
    state, told = until(ward, 3)
    site.step(state, told)

    with pytest.raises(MaskingFailed, match="sign another list"):
        site.step(reborn(ward, 3), leave_out_another(told))


def test_secrets_are_never_shared_with_a_second_set_of_peers():
    ward = Ward(5)
    state, told = until(ward, 1)
    site.step(state, told)
    assert isinstance(told, Adverts)
    fewer = Adverts({name: each for name, each in told.of.items() if name != "site03"})

    with pytest.raises(MaskingFailed, match="with other peers"):
        site.step(reborn(ward, 1), fewer)


def test_a_round_is_never_begun_again_with_another_roster():
    ward, larger = Ward(4), Ward(5)
    ward.begin("site01")
    larger.journals["site01"] = ward.journals["site01"]

    with pytest.raises(MaskingFailed, match="another session of this round"):
        larger.begin("site01")


def test_messages_out_of_order_are_refused_on_both_sides():
    ward = Ward(4)
    state, advert = ward.begin("site01")
    centre = hub.receive(hub.State(ward.session), "site01", advert)

    with pytest.raises(MaskingFailed, match="Survivors came where site01 waits for Adverts"):
        site.step(state, Survivors(tuple(ward.names)))
    with pytest.raises(MaskingFailed, match="is not due"):
        hub.receive(centre, "site01", advert)
    with pytest.raises(MaskingFailed, match="is not due"):
        hub.receive(centre, "site99", advert)
    with pytest.raises(MaskingFailed, match="is not due"):
        hub.receive(centre, "site02", Masked(np.zeros(3, np.uint64)))


def test_a_site_with_another_key_than_the_roster_pins_does_not_begin():
    ward = Ward(4)
    seat = replace(ward.seat("site01"), key=ward.key("site02"), journal=MemoryJournal())

    with pytest.raises(MaskingFailed, match="does not pin the key"):
        site.begin(seat, bytes(32))


def test_words_of_another_size_are_refused_on_both_sides():
    ward = Ward(4)
    seat = replace(ward.seat("site01"), words=np.zeros(4, np.uint64))
    with pytest.raises(MaskingFailed, match="4 words"):
        site.begin(seat, bytes(32))

    everybody = dict.fromkeys(ward.names)
    centre = hub.State(ward.session, phase=2, said=(everybody, everybody, {}))
    with pytest.raises(MaskingFailed, match="sent 4 uint64 words"):
        hub.receive(centre, "site00", Masked(np.zeros(4, np.uint64)))


def test_a_lying_share_is_noticed_and_no_wrong_sum_comes_out():
    ward = Ward(4)
    centre, _, spoken = play(ward)
    honest = spoken[4]["site00"]
    assert isinstance(honest, Reveal)
    seeds = {**honest.seeds, "site02": bytes(33)}
    wrong = {**centre.said[4], "site00": Reveal(seeds, honest.keys)}

    with pytest.raises(MaskingFailed, match="shares of site02"):
        hub.finish(replace(centre, said=(*centre.said[:4], wrong)))


def test_two_sites_with_the_same_key_end_the_round():
    ward = Ward(4)
    twin = Ward(4)
    state, told = until(ward, 1)
    assert isinstance(told, Adverts)
    copied = told.of["site02"]
    key = twin.key("site03")
    said = ward.session.statement(
        "advert", "site03", copied.channel.hex(), copied.mask.hex(), copied.seed_hash.hex()
    )
    forged = Advert(copied.channel, copied.mask, copied.seed_hash, key.sign(said))

    with pytest.raises(MaskingFailed, match="the same key"):
        site.step(state, Adverts({**told.of, "site03": forged}))
