"""What a site's answer keeps of its last one."""

import numpy as np

from modelward.aggregate.robust import robust_mean
from modelward.core.study import Robust
from modelward.core.tensors import FlatF32
from modelward.learn.memory import remembered

CLIP = 4.0


def vector(*values: float) -> FlatF32:
    return np.array(values, np.float32)


def test_the_first_answer_is_a_share_of_the_update_and_the_next_adds_the_rest():
    first = remembered(None, vector(1.0, -2.0), 0.75, CLIP)
    second = remembered(first, vector(1.0, 2.0), 0.75, CLIP)

    assert first.tolist() == [0.25, -0.5]
    assert second.tolist() == [0.4375, 0.125]


def test_an_answer_is_no_longer_than_an_update_may_be_whatever_was_remembered():
    longest = vector(CLIP, 0.0)

    found = remembered(longest, longest, 0.9, CLIP)

    assert CLIP * 0.999 < np.linalg.norm(found.astype(np.float64)) <= CLIP
    assert (found * 2**24 == np.rint(found * 2**24)).all()


def test_neither_the_update_nor_what_was_remembered_is_changed():
    last, update = vector(1.0), vector(2.0)

    remembered(last, update, 0.5, CLIP)

    assert [last.tolist(), update.tolist()] == [[1.0], [2.0]]


def test_wrong_sites_that_push_one_way_move_a_rule_less_where_answers_remember():
    """Seven honest sites agree but for chance, three wrong ones hide at the edge of it."""
    draw, pushed = np.random.default_rng(5), {True: 0.0, False: 0.0}
    kept: list[FlatF32] = [np.zeros(500, np.float32)] * 7
    for _ in range(60):
        fresh = [draw.normal(0.0, 0.1, 500).astype(np.float32) for _ in range(7)]
        kept = [remembered(m, d, 0.9, CLIP) for m, d in zip(kept, fresh, strict=True)]
        for remembers, honest in ((False, np.stack(fresh)), (True, np.stack(kept))):
            wrong = np.tile(honest.mean(axis=0) + honest.std(axis=0), (3, 1))
            moved = robust_mean(np.concatenate([wrong, honest]), Robust(byzantine=3))
            pushed[remembers] += float(moved.mean())

    assert pushed[True] < pushed[False] / 2
