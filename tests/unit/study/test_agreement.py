"""Sites compare one fingerprint, and it stands for every name and key of the roster."""

from dataclasses import replace

import pytest

from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.errors import MessageRefused
from modelward.study.agreement import Agreement, from_body
from tests.sites import newton

ROSTER = {"cleveland": "aa" * 32, "va": "bb" * 32}
AGREED = Agreement(study=newton(), roster=ROSTER)


def test_an_agreement_travels_as_a_body():
    travelled = parse_strict(canonical_bytes(AGREED.body()), what="proposal")

    assert from_body(travelled) == AGREED
    assert from_body(travelled).study.sha256 == newton().sha256


def test_the_fingerprint_is_known():
    # SHA-256 of {"format":"modelward-roster/1","sites":{"cleveland":"aa…","va":"bb…"}}
    assert AGREED.fingerprint == (
        "a4a93624b41278471a988db43fb3b1d936b7934be3aa7518cfb034b65bbba9c9"
    )


@pytest.mark.parametrize(
    "roster",
    [
        {"cleveland": "aa" * 32, "va": "bc" * 32},
        {"cleveland": "bb" * 32, "va": "aa" * 32},
        {"cleveland": "aa" * 32, "vb": "bb" * 32},
        {"cleveland": "aa" * 32, "va": "bb" * 32, "hungary": "cc" * 32},
    ],
)
def test_any_other_roster_has_another_fingerprint(roster):
    assert replace(AGREED, roster=roster).fingerprint != AGREED.fingerprint


def test_the_order_of_sites_does_not_matter():
    assert replace(AGREED, roster=dict(reversed(ROSTER.items()))).fingerprint == (
        AGREED.fingerprint
    )


@pytest.mark.parametrize(
    ("roster", "says"),
    [
        ({}, "at least 2"),
        ({"cleveland": "aa" * 32}, "at least 2"),
        ({"cleveland": "aa" * 32, "va": "aa" * 32}, "same key"),
        ({"Cleveland": "aa" * 32, "va": "bb" * 32}, "malformed"),
        ({"cleveland": "aa", "va": "bb" * 32}, "malformed"),
    ],
)
def test_a_roster_that_cannot_be_is_refused(roster, says):
    with pytest.raises(MessageRefused, match=says):
        Agreement(study=newton(), roster=roster)


def test_a_study_that_names_its_sites_has_no_others():
    study = newton()
    named = study.model_copy(
        update={"sites": study.sites.model_copy(update={"names": ("cleveland", "hungary")})}
    )

    with pytest.raises(MessageRefused, match="not the sites"):
        Agreement(study=named, roster=ROSTER)
