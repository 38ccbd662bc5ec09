"""The same question always has the same id."""

from dataclasses import replace
from hashlib import sha256

import pytest

from modelward.core.task import Task

TASK = Task(study="a" * 64, round_no=3, kind="train", model="b" * 64)


def test_the_id_is_the_hash_of_the_canonical_question():
    question = f'{{"kind":"train","model":"{"b" * 64}","round":3,"study":"{"a" * 64}"}}'

    assert TASK.id == sha256(question.encode()).hexdigest()


@pytest.mark.parametrize(
    "change", [{"study": "c" * 64}, {"round_no": 4}, {"kind": "evaluate"}, {"model": None}]
)
def test_another_question_has_another_id(change):
    assert replace(TASK, **change).id != TASK.id
    assert replace(TASK).id == TASK.id
