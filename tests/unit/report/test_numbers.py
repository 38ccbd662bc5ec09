"""Numbers as a reader wants them."""

import pytest

from modelward.evaluate.estimate import Estimate, Interval
from modelward.report import numbers as n

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.8765, "0.876"), (-0.5, f"{MINUS}0.500"), (-0.0001, "0.000"), (None, n.MISSING)],
)
def test_decimals_have_real_minus_signs_and_no_negative_zero(value, shown):
    assert n.decimal(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.02, "+0.020"), (-0.02, f"{MINUS}0.020"), (0.0, "0.000"), (None, n.MISSING)],
)
def test_differences_show_their_sign(value, shown):
    assert n.signed(value) == shown


def test_intervals_stand_in_brackets():
    found = Estimate(0.1, Interval(-0.05, 0.25, "by hand"))

    assert n.between(found, 2) == f"[{MINUS}0.05, 0.25]"
    assert n.between(found, 2, sign=True) == f"[{MINUS}0.05, +0.25]"
    assert n.between(Estimate(0.1)) == ""


def test_hyphens_within_words_stay():
    assert n.minus("-1 to [-2] in 2020-21, x-1") == f"{MINUS}1 to [{MINUS}2] in 2020-21, x-1"


def test_counts_have_thousands_set_apart_and_hidden_ones_say_so():
    assert (n.count(12345, 10), n.count(None, 10)) == ("12,345", "<10")
    assert (n.positives(1234), n.positives(None)) == ("1,234", "not shown")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 kB"),
        (3 * 1024**2, "3.0 MB"),
        (2**50, "1,024.0 TB"),
    ],
)
def test_bytes_come_in_readable_units(size, shown):
    assert n.nbytes(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(3.44, "3.4 seconds"), (42, "42 seconds"), (125, "2 min 05 s"), (4800, "1 h 20 min")],
)
def test_time_comes_in_readable_units(seconds, shown):
    assert n.duration(seconds) == shown


def test_few_are_spelled_and_many_are_not():
    assert [n.spelled(k) for k in (0, 1, 12, 13, 1300)] == [
        "none",
        "one",
        "twelve",
        "13",
        "1,300",
    ]
    assert [n.counted(k, "round") for k in (1, 2)] == ["1 round", "2 rounds"]
