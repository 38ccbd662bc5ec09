"""Units of measure: a subset of UCUM, and conversion between units of one quantity.

Implements what laboratories and wards write of the Unified Code for Units of Measure 2.1
(ucum.org): prefixes, multiplication, division, exponents, annotations in braces, 10* powers,
and the affine temperature units. Names follow the specification: an expression is terms of
components; every component is a prefix, an atom and an exponent.

UCUM makes the mole a number; here amount of substance is a dimension of its own, because
mg/dL becomes mmol/L only by a molar mass, which the study states for each feature.
Arbitrary units ([iU], [arb'U]) convert to themselves alone, as section 3.4 demands.

    >>> conversion("umol/L", "mg/dL", molar_mass=113.12)(88.4)
    0.99998...
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

Dimension = Mapping[str, int]
"""Base quantity -> exponent; zero exponents are absent."""

PREFIXES: dict[str, Fraction] = {
    "G": Fraction(10**9), "M": Fraction(10**6), "k": Fraction(1000), "h": Fraction(100),
    "da": Fraction(10), "d": Fraction(1, 10), "c": Fraction(1, 100), "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6), "n": Fraction(1, 10**9), "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
}  # fmt: skip

METRIC: dict[str, tuple[str, str]] = {
    "m": ("1", "m"), "g": ("1", "g"), "s": ("1", "s"), "mol": ("1", "mol"), "K": ("1", "K"),
    "L": ("1/1000", "m3"), "l": ("1/1000", "m3"), "eq": ("1", "eq"), "osm": ("1", "osm"),
    "Pa": ("1000", "m-1 g s-2"), "bar": ("100000000", "m-1 g s-2"), "J": ("1000", "m2 g s-2"),
    "cal": ("4184", "m2 g s-2"), "W": ("1000", "m2 g s-3"), "N": ("1000", "m g s-2"),
    "Hz": ("1", "s-1"), "Bq": ("1", "s-1"), "Gy": ("1", "m2 s-2"), "V": ("1", "V"),
    "kat": ("1", "mol s-1"), "U": ("1/60000000", "mol s-1"),
    "m[Hg]": ("133322000", "m-1 g s-2"),
    "m[H2O]": ("9806650", "m-1 g s-2"), "[iU]": ("1", "iU"), "[IU]": ("1", "iU"),
    "t": ("1000000", "g"),
}  # fmt: skip
"""Atoms that take prefixes: factor to the base, and its dimension."""

PLAIN: dict[str, tuple[str, str]] = {
    "1": ("1", ""), "10*": ("10", ""), "10^": ("10", ""), "%": ("1/100", ""),
    "[ppth]": ("1/1000", ""), "[ppm]": ("1/1000000", ""), "min": ("60", "s"),
    "h": ("3600", "s"),
    "d": ("86400", "s"), "wk": ("604800", "s"), "mo": ("2629800", "s"), "a": ("31557600", "s"),
    "[in_i]": ("127/5000", "m"), "[ft_i]": ("381/1250", "m"),
    "[lb_av]": ("45359237/100000", "g"),
    "[oz_av]": ("45359237/1600000", "g"), "deg": ("1", "deg"), "[arb'U]": ("1", "arb"),
    "[pH]": ("1", "pH"), "[drp]": ("1/20000000", "m3"), "[APL'U]": ("1", "APL"),
}  # fmt: skip
"""Atoms without prefixes. A year is 365.25 days, a month its twelfth (UCUM a_j, mo_j)."""

AFFINE: dict[str, tuple[Fraction, Fraction]] = {
    "Cel": (Fraction(1), Fraction(27315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(45967, 180)),
}
"""Temperatures on a scale with its own zero: kelvin = factor * value + offset."""

ALIASES: dict[str, str] = {
    "mmHg": "mm[Hg]", "mm Hg": "mm[Hg]", "cmH2O": "cm[H2O]", "°C": "Cel", "°F": "[degF]",
    "C": "Cel", "years": "a", "year": "a", "yrs": "a", "Jahre": "a", "ans": "a", "days": "d",
    "bpm": "/min", "beats/min": "/min", "insp/min": "/min", "x10^9/L": "10*9/L",
    "10^9/L": "10*9/L", "10e9/L": "10*9/L", "G/L": "10*9/L", "Gpt/L": "10*9/L",
    "K/uL": "10*3/uL",
    "x10^12/L": "10*12/L", "10^12/L": "10*12/L", "m/uL": "10*6/uL", "mEq/L": "meq/L",
    "mEq/l": "meq/L", "IU/L": "[iU]/L", "percent": "%", "lbs": "[lb_av]", "inches": "[in_i]",
    "mg%": "mg/dL",
}  # fmt: skip
"""What sites write that is not UCUM and has one meaning; a site adds its own spellings."""

_COMPONENT = re.compile(r"(?P<atom>10[*^]|.*?[^\d+-])??(?P<power>[+-]?\d+)?(\{[^}]*\})?$")
_ANNOTATION = re.compile(r"\{[^}]*\}")


class UnknownUnit(ValueError):
    """A text that is not a unit of this subset."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as factor, offset and dimension over the base units m g s mol K ...

    Attributes:
        factor: base value = factor * value + offset.
        offset: Zero but for temperatures on a scale.
        dimension: Which quantity it measures.
    """

    factor: Fraction
    offset: Fraction
    dimension: Dimension


def parse(code: str) -> Unit:
    """Return the unit that a UCUM code means.

    Raises:
        UnknownUnit: If the code is not UCUM as far as this subset goes.
    """
    text = code.strip()
    if text in AFFINE:
        return Unit(*AFFINE[text], {"K": 1})
    if not text or " " in text:
        raise UnknownUnit(f"{code!r} is not a UCUM unit{_near(text)}")
    factor, dimension, sign = Fraction(1), dict[str, int](), 1
    for mark, component in _components(text):
        sign = -1 if mark == "/" else 1
        scale, base, power = _component(component, code)
        factor *= scale ** (sign * power)
        for name, exponent in base.items():
            dimension[name] = dimension.get(name, 0) + exponent * sign * power
    return Unit(factor, Fraction(0), {k: v for k, v in dimension.items() if v})


def spelled(text: str, spellings: Mapping[str, str] | None = None) -> str:
    """Return the UCUM code for a unit as a site writes it; the text itself if none is known.

    >>> spelled("µmol/l"), spelled("mmHg"), spelled("Stück", {"Stück": "1"})
    ('umol/l', 'mm[Hg]', '1')
    """
    given = (spellings or {}).get(text, text).strip()
    given = given.replace("µ", "u").replace("μ", "u")  # micro sign, Greek mu
    return ALIASES.get(given, given)


def conversion(
    found: str, wanted: str, *, molar_mass: float | None = None
) -> Callable[[float], float]:
    """Return the function from values in `found` to values in `wanted`.

    Raises:
        UnknownUnit: If either is no unit, or they measure different quantities.
    """
    factor, offset = line(found, wanted, molar_mass=molar_mass)
    return lambda value: value * factor + offset


def line(found: str, wanted: str, *, molar_mass: float | None = None) -> tuple[float, float]:
    """Return (factor, offset) with wanted value = factor * found value + offset.

    Args:
        found: UCUM code of the values.
        wanted: UCUM code to convert to.
        molar_mass: g/mol of the substance, for conversion between mass and amount.

    Raises:
        UnknownUnit: If either is no unit, or they measure different quantities.
    """
    here, there = parse(found), parse(wanted)
    factor = here.factor / there.factor
    apart = _apart(here.dimension, there.dimension)
    if apart:
        factor *= _by_molar_mass(apart, found, wanted, molar_mass)
    return float(factor), float((here.offset - there.offset) / there.factor)


def known(code: str) -> bool:
    """Return whether `code` is a unit of this subset."""
    try:
        parse(code)
    except UnknownUnit:
        return False
    return True


def _by_molar_mass(
    apart: Dimension, found: str, wanted: str, molar_mass: float | None
) -> Fraction:
    """Return the factor between mass and amount of substance, whichever way."""
    power = apart.get("mol", 0)
    if apart != {"mol": power, "g": -power} or abs(power) != 1:
        raise UnknownUnit(f"{found!r} and {wanted!r} measure different quantities")
    if molar_mass is None:
        raise UnknownUnit(
            f"{found!r} becomes {wanted!r} only by a molar mass, and the study states none"
        )
    return Fraction(str(molar_mass)) ** power


def _apart(here: Dimension, there: Dimension) -> dict[str, int]:
    names = {*here, *there}
    gaps = {name: here.get(name, 0) - there.get(name, 0) for name in names}
    return {name: gap for name, gap in gaps.items() if gap}


def _components(text: str) -> list[tuple[str, str]]:
    """Return (mark before, component) of an expression; marks are '.' and '/'."""
    plain = re.sub(r"(^|[./])(\{[^}]*\})", r"\g<1>1", text)  # an annotation alone is a number
    plain = _ANNOTATION.sub("", plain)
    marked = plain if plain[0] == "/" else "." + plain
    parts = re.findall(r"([./])([^./]*)", marked)
    if any(not part for _, part in parts):
        raise UnknownUnit(f"{text!r} is not a UCUM unit: nothing stands before or after a mark")
    return parts


def _component(text: str, whole: str) -> tuple[Fraction, dict[str, int], int]:
    if text.isdigit():
        return Fraction(int(text)), {}, 1
    match = _COMPONENT.match(text)
    atom = (match and match["atom"]) or text
    power = int(match["power"]) if match and match["power"] and match["atom"] else 1
    for prefix, scale in (("", Fraction(1)), *PREFIXES.items()):
        name = atom.removeprefix(prefix)
        table = METRIC if prefix else {**METRIC, **PLAIN}
        if atom.startswith(prefix) and name in table:
            number, base = table[name]
            return scale * Fraction(number), _dimension(base), power
    raise UnknownUnit(f"{whole!r} is not a UCUM unit{_near(whole)}")


def _dimension(base: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in base.split():
        match = re.fullmatch(r"([A-Za-z]+)(-?\d+)?", part)
        if match:
            found[match[1]] = int(match[2] or 1)
    return found


def _near(text: str) -> str:
    guess = ALIASES.get(text) or next(
        iter(get_close_matches(text, [*ALIASES.values(), "mg/dL", "mmol/L", "umol/L"], n=1)), ""
    )
    return f"; did you mean {guess!r}?" if guess else ""
