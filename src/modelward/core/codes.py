"""Codes of clinical terminologies, as a study writes them: `LOINC:2160-0`.

A code is SYSTEM:CODE. Systems are those of `SYSTEMS`; the spelling there is the only one.
LOINC and SNOMED CT codes carry a check digit, which is verified, so that a digit typed wrong
is found before any site looks for a code that nobody uses.

    LOINC      digits, a hyphen and a Luhn (mod 10) check digit; LOINC Users' Guide, app. B
    SNOMED     6 to 18 digits, the last by Verhoeff; SNOMED CT RF2 specification, 5.7
    ICD-10, ICD-9-CM and ATC are hierarchies by prefix: a code stands for all below it
    Patient    what every source knows of a person itself: age, sex, death

What a code means is not looked up here; no vocabulary is shipped.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

from modelward.core.faults import nearest

SYSTEMS: dict[str, str] = {
    "LOINC": r"\d{1,7}-\d",
    "SNOMED": r"\d{6,18}",
    "ICD-10": r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    "ICD-9-CM": r"(\d{3}|V\d{2}|E\d{3})(\.\d{1,2})?",
    "ATC": r"[A-Z](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?",
    "RxNorm": r"\d{1,8}",
    "Patient": r"age|sex|death",
}
"""System -> what its codes look like, as a regular expression."""

BY_PREFIX = frozenset({"ICD-10", "ICD-9-CM", "ATC"})
"""Systems in which a code stands for every code that begins with it."""

AGE, SEX, DEATH = "Patient:age", "Patient:sex", "Patient:death"
"""The codes of system `Patient`: years at the index event, female or male, has died."""

_TIMES = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
          "5987604321", "6598710432", "7659821043", "8765932104", "9876543210")  # fmt: skip
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""Multiplication in the dihedral group D5, and Verhoeff's permutation of the digits."""


def check(code: str) -> str:
    """Return `code` if it is written as its system writes codes.

    Raises:
        ValueError: In words, if it is not.
    """
    system, colon, rest = code.partition(":")
    if not colon:
        raise ValueError(f"{code!r} names no system: write SYSTEM:CODE, as in LOINC:2160-0")
    if system not in SYSTEMS:
        raise ValueError(f"there is no code system {system!r}; {nearest(system, SYSTEMS)}")
    if not re.fullmatch(SYSTEMS[system], rest):
        raise ValueError(f"{rest!r} is not a code of {system}")
    if system in _DIGITS and not _DIGITS[system](rest):
        raise ValueError(f"{code} has a wrong check digit; a digit was typed wrong")
    return code


Code = Annotated[str, AfterValidator(check)]
"""A code as a study file holds it."""


def covers(wanted: str, found: str) -> bool:
    """Return whether a record coded `found` is one of those that `wanted` asks for.

    >>> covers("ICD-10:E11", "ICD-10:E11.9"), covers("LOINC:2160-0", "LOINC:2160-01")
    (True, False)
    """
    if wanted == found:
        return True
    by_prefix = wanted.partition(":")[0] in BY_PREFIX
    return by_prefix and bare(found).startswith(bare(wanted))


def bare(code: str) -> str:
    """Return a code without the point that ICD codes are written with or without.

    >>> bare("ICD-10:E11.9")
    'ICD-10:E119'
    """
    return code.replace(".", "") if code.startswith("ICD-") else code


def _luhn(code: str) -> bool:
    digits = [int(digit) for digit in reversed(code.replace("-", ""))]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def _verhoeff(code: str) -> bool:
    state = 0
    for place, digit in enumerate(reversed(code)):
        turned = int(digit)
        for _ in range(place % 8):
            turned = _TURN[turned]
        state = int(_TIMES[state][turned])
    return state == 0


_DIGITS = {"LOINC": _luhn, "SNOMED": _verhoeff}
