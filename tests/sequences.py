"""A study on sequences of the cohort of kinds.py, and what its tensor must be."""

from collections.abc import Sequence

import numpy as np

from modelward.core import toml_text
from modelward.core.sequences import Packed, packed
from modelward.core.study import Study
from tests.kinds import CREATININE, DIABETES, GLUCOSE, INFARCT, VISIT, Patient
from tests.kinds import STUDY as TABLE

STEPS = 5

ITEMS = f"""
[features.course]
type = "sequence"
steps = {STEPS}
window = [-400, 0]

[features.course.items.creatinine]
code = ["LOINC:2160-0"]
unit = "mg/dL"
range = [0.1, 20]
molar_mass = 113.12
resolution = 0.01

[features.course.items.diabetes]
code = ["SNOMED:44054006"]

[features.course.items.glucose]
code = ["LOINC:2345-7"]
unit = "mmol/L"
range = [1, 60]
molar_mass = 180.156
resolution = 0.1

[features.course.items.visit]
code = ["SNOMED:185349003"]
"""

STUDY = (
    TABLE.split("[features.age]")[0]
    + ITEMS
    + TABLE[TABLE.index("[target.readmitted]") :]
    .split("[recipe]")[0]
    + '[recipe]\nname = "gru"\n[plan]\nrounds = 2\nvalidation = 0.2\ntest = 0.25\n'
)  # fmt: skip
"""The study of kinds.py with a sequence in place of its columns."""

NUMBERS = {CREATININE: 1, DIABETES: 2, GLUCOSE: 3, VISIT: 4}
DIGITS = {CREATININE: 2, GLUCOSE: 1}


def study() -> Study:
    """Return the study, whether or not its recipe is installed here."""
    return Study.model_validate_json(toml_text.to_json(STUDY.encode()), strict=True)


def by_hand(people: Sequence[Patient]) -> dict[str, Packed]:
    """Return patient -> sequence, [STEPS, 3], worked out in plain Python."""
    found = {}
    for person in people:
        index = next((r.time.date() for r in person.records if r.code == INFARCT), None)
        if index is None:
            continue
        events = set()
        for record in person.records:
            days = (index - record.time.date()).days
            if record.code in NUMBERS and 0 <= days <= 400:
                value = record.value if isinstance(record.value, float) else 0.0
                value = round(value, DIGITS.get(record.code, 0))
                events.add((-days, NUMBERS[record.code], value))
        latest = sorted(events)[-STEPS:]
        padded = [*latest, *[(0, 0, 0.0)] * (STEPS - len(latest))]
        times, codes, values = (np.array(column) for column in zip(*padded, strict=True))
        found[person.name] = packed(codes, -times, values)
    return found
