"""Every rule objects to what it is for, and to nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema, TensorSpec
from modelward.gate import rules
from modelward.gate.offer import Offer, all_of
from tests.studies import AVERAGED, table_study

SCHEMA = Schema.of(TensorSpec("w", "F32", (3,)))


def offer(
    values: list[float] | None = None,
    *,
    tensors: Mapping[str, Any] | None = None,
    patients: int = 100,
    kind: Any = "update",
    task: TaskKind = "train",
    sent: int = 0,
    today: int = 0,
) -> Offer:
    """An offer of one update; the helper every test here reads by."""
    return Offer(
        task=Task(study="a" * 64, round_no=1, kind=task, model="b" * 64),
        kind=kind,
        tensors=tensors or {"w": np.array(values or [0.5, -0.25, 1.0], np.float32)},
        patients=patients,
        schema=SCHEMA,
        sent_bytes=sent,
        today_bytes=today,
    )


def names(findings: tuple[Any, ...]) -> list[str]:
    return [finding.rule for finding in findings]


def test_an_ordinary_update_meets_no_objection():
    for rule in (
        rules.allowed_kind(frozenset({"update"})),
        rules.exact_schema,
        rules.min_patients(10, 20),
        rules.byte_budget(100, 100, 100),
        rules.finite,
        rules.update_bounds(10.0),
    ):
        assert rule(offer()) == ()


def test_a_kind_that_the_policy_does_not_list_is_objected_to():
    assert names(rules.allowed_kind(frozenset({"metrics"}))(offer())) == ["kind"]


def test_a_tensor_nobody_asked_for_is_a_buffer():
    extra = {"w": np.zeros(3, np.float32), "running_mean": np.zeros(3, np.float32)}

    assert names(rules.exact_schema(offer(tensors=extra))) == ["buffers"]


@pytest.mark.parametrize(
    "tensors",
    [
        {"v": np.zeros(3, np.float32)},
        {"w": np.zeros(3, np.float64)},
        {"w": np.zeros((3, 1), np.float32)},
        {"w": np.zeros(4, np.float32)},
    ],
    ids=["name", "type", "dimensions", "length"],
)
def test_another_name_type_or_shape_is_objected_to(tensors):
    assert "schema" in names(rules.exact_schema(offer(tensors=tensors)))


def test_the_stricter_minimum_counts_and_validation_meets_the_policys():
    rule = rules.min_patients(10, 20)

    assert names(rule(offer(patients=19))) == ["min-patients"]
    assert names(rule(offer(patients=20))) == []
    assert names(rule(offer(patients=10, task="evaluate"))) == []
    assert names(rule(offer(patients=9, task="evaluate"))) == ["min-patients"]


def test_bytes_are_counted_for_the_task_and_for_the_study():
    assert names(rules.byte_budget(11, 100, 100)(offer())) == ["bytes"]
    assert names(rules.byte_budget(12, 100, 100)(offer(sent=89))) == ["bytes"]
    assert names(rules.byte_budget(12, 100, 100)(offer(sent=88))) == []
    assert names(rules.byte_budget(12, 100, 20)(offer(sent=8, today=9))) == ["bytes"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_objected_to(value):
    assert names(rules.finite(offer([0.0, value, 0.0]))) == ["finite"]


def test_a_norm_above_the_bound_is_objected_to():
    assert names(rules.update_bounds(5.0)(offer([3.0, 4.0, 0.0]))) == []
    assert names(rules.update_bounds(4.9)(offer([3.0, 4.0, 0.0]))) == ["norm"]


@given(st.integers(1, 2**24 - 1).filter(lambda k: k % 2))
def test_values_between_the_points_of_the_grid_are_objected_to(k):
    between = float(np.float32(k * 2.0**-26))

    assert names(rules.update_bounds(1e3)(offer([0.0, between, 0.0]))) == ["grid"]


@given(st.integers(-(2**24), 2**24))
def test_values_on_the_grid_are_not(k):
    assert rules.update_bounds(1e3)(offer([0.0, k * 2.0**-24, 0.0])) == ()


def test_values_beyond_the_range_of_the_sums_are_objected_to():
    assert names(rules.update_bounds(1e3)(offer([128.0, 0.0, 0.0]))) == ["grid"]


def test_all_of_reports_every_objection_in_order():
    rule = all_of(rules.min_patients(200, 1), rules.byte_budget(1, 1, 100), rules.finite)

    assert names(rule(offer([np.nan, 0, 0]))) == ["min-patients", "bytes", "bytes", "finite"]


def test_every_finding_says_what_to_do():
    wrong = offer([np.inf, 200.0, 1e-9], patients=1)
    found = all_of(
        rules.allowed_kind(frozenset()), rules.min_patients(10, 10),
        rules.byte_budget(1, 1, 100), rules.finite, rules.update_bounds(1.0),
    )(wrong)  # fmt: skip

    assert {f.rule for f in found} == {
        "kind",
        "min-patients",
        "bytes",
        "finite",
        "norm",
        "grid",
    }
    assert all(finding.says and finding.remedy for finding in found)


def test_open_answers_and_masked_sums_are_held_to_what_was_signed():
    masked = table_study(
        AVERAGED + '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
    )
    opened = offer()
    exchange = replace(opened, task=opened.asked.exchange("mask-keys", None))

    assert not rules.behind_masks(masked)(exchange)
    assert not rules.behind_masks(table_study(AVERAGED))(opened)
    (in_the_open,) = rules.behind_masks(masked)(opened)
    (unasked,) = rules.behind_masks(table_study(AVERAGED))(exchange)
    assert in_the_open.rule == unasked.rule == "masks"
