"""Colours can be read and told apart (WCAG 2.2, success criteria 1.4.3 and 1.4.11)."""

import re

import pytest

from modelward.report.styles import DARK, LIGHT, style_sheet


def colours(scheme: str) -> dict[str, str]:
    """Return name to colour."""
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", scheme))


def luminance(colour: str) -> float:
    """Return relative luminance as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    """Return the contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize(
    "name", ["ink", "soft", "s0", "s1", "s2", "s3", "better", "worse", "same", "alert"]
)
def test_words_and_lines_stand_out_from_the_paper(scheme, name):
    named = colours(scheme)

    assert contrast(named[name], named["paper"]) >= 4.5


def test_black_on_white_has_the_contrast_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_dark_is_for_screens_only_so_print_is_light():
    assert "@media screen and (prefers-color-scheme: dark)" in style_sheet()
    assert "@media print" in style_sheet()


def test_braces_balance():
    assert style_sheet().count("{") == style_sheet().count("}")
