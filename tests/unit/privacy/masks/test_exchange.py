"""Messages of a masked sum as tensors: nothing is lost, and a site hears what it was told."""

import numpy as np
import pytest

from modelward.artifact import bundle
from modelward.core.ring import coded_words
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.errors import MaskingFailed
from modelward.privacy.masks import hub, site
from modelward.privacy.masks.coded import Code
from modelward.privacy.masks.exchange import (
    read_said,
    read_told,
    said,
    said_schema,
    session_of,
    told,
    told_schema,
)
from modelward.study.explain import masked_bytes
from tests.masked_round import Ward

SCHEMA = Schema.of(TensorSpec("a", "F32", (4,)))
QUESTION = Task(study="s" * 64, round_no=1, kind="train", model="m" * 64)


def play_on_the_wire(ward: Ward, silent: dict[str, int]) -> tuple[hub.State, dict[str, int]]:
    """Play a round in which every message is a bundle of bytes on its way."""
    centre, states = hub.State(ward.session), dict[str, site.State]()
    sent = dict.fromkeys(ward.names, 0)
    letter: bytes = b""
    for phase, name_of_phase in enumerate(MASK_PHASES):
        schema, wanted = said_schema(ward.session, name_of_phase), None
        for name in centre.due:
            if silent.get(name, 9) <= phase:
                continue
            if phase == 0:
                states[name], message = ward.begin(name)
            else:
                wanted = told_schema(ward.session, name_of_phase)
                heard = read_told(ward.session, name, bundle.parse(memoryview(letter), wanted))
                assert len(heard) == phase
                states[name], message = site.step(states[name], heard[-1])
            raw = b"".join(bundle.encode(said(ward.session, message), schema))
            sent[name] += schema.nbytes
            back = read_said(ward.session, name_of_phase, bundle.parse(memoryview(raw), schema))
            centre = hub.receive(centre, name, back)
        if phase + 1 < len(MASK_PHASES):
            centre, _ = hub.close(centre)
            following = told_schema(ward.session, MASK_PHASES[phase + 1])
            letter = b"".join(bundle.encode(told(centre), following))
    return centre, sent


@pytest.mark.parametrize("bits", [64, 16, 8])
@pytest.mark.parametrize("phase", [5, 4, 3, 2, 1, 0])
def test_a_round_of_bundles_gives_the_sum_over_those_whose_words_arrived(phase, bits):
    ward = Ward(5, bits=bits)
    centre, _ = play_on_the_wire(ward, {"site02": phase})
    there = [name for name in ward.names if name != "site02" or phase > 2]

    assert hub.finish(centre).tolist() == ward.expected(there).tolist()


def test_what_explain_promises_to_leave_is_what_leaves():
    ward = Ward(4, size=5)
    _, sent = play_on_the_wire(ward, {})

    assert set(sent.values()) == {masked_bytes(SCHEMA, 4)}


@pytest.mark.parametrize(("levels", "bits"), [(127, 16), (31, 8), (7, 8)])
def test_what_explain_promises_of_a_code_is_what_leaves(levels, bits):
    code = Code(step=1, levels=levels, heaviest=10)
    ward = Ward(4, size=coded_words(4, bits), bits=bits)
    session = session_of(QUESTION, SCHEMA, dict(ward.session.roster), code)
    _, sent = play_on_the_wire(ward, {})

    assert (session.size, session.bits) == (ward.size, bits)
    assert set(sent.values()) == {masked_bytes(SCHEMA, 4, levels)}


def test_a_session_is_bound_to_the_question_and_not_to_the_exchange():
    roster = dict(Ward(3).session.roster)
    session = session_of(QUESTION, SCHEMA, roster)

    assert session.size == 5
    asked = session_of(QUESTION.exchange("masked", "t" * 64).question, SCHEMA, roster)
    other = Task(study="s" * 64, round_no=1, kind="train", model="n" * 64)
    assert asked.binding == session.binding
    assert session_of(other, SCHEMA, roster).binding != session.binding


def test_two_sites_are_no_roster():
    roster = dict(Ward(3).session.roster)
    roster.pop("site00")

    with pytest.raises(MaskingFailed, match="2 sites"):
        session_of(QUESTION, SCHEMA, roster)


def test_exchanges_of_a_question_have_ids_of_their_own_and_an_open_one_has_none_of_it():
    ids = {QUESTION.exchange(phase, None).id for phase in MASK_PHASES}

    assert len({QUESTION.id, QUESTION.exchange("masked", "t" * 64).id, *ids}) == 7
    # As the first release computed it: {"kind","model","round","study"} and no more.
    assert QUESTION.id == "df496c984a6f5260a8ab71b4ec995d7310842e2c0f5a2bcd086f5ce7d5944bd1"


def test_rows_that_nobody_filled_name_nobody():
    ward = Ward(3)
    empty = {"adverts": np.zeros((3, 160), np.uint8)}

    (adverts,) = read_told(ward.session, "site00", empty)
    assert adverts.of == {}  # type: ignore[union-attr]
