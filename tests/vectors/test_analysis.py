"""The example of docs/formats/analysis.md, computed again from its invented sites."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.evaluate.facts.record import StudyFacts
from modelward.evaluate.sums.analysed import Analysed, RunPart, SitePart, analysed
from tests.analyses import cohort, finished, numbers, study_of

ROOT = Path(__file__).parents[2]
VECTOR = Path(__file__).parent / "analysis" / "cox.json"


def found() -> Analysed:
    """Return what a small Cox regression over three invented sites found."""
    study = study_of(
        numbers("age", "dose"), 'type = "time-to-event"\nhorizon = 1000', 'name = "cox"'
    )
    draw = np.random.default_rng(20)
    sites = {}
    for name in ("east", "north", "west"):
        x = draw.integers(20, 90, (60, 2)).astype(np.float64)
        days = np.ceil(draw.exponential(4000 / x[:, 0]))
        sites[name] = cohort(x, (draw.random(60) < 0.7).astype(np.int8), days)
    model, reason = finished(study, sites)
    facts = StudyFacts(
        id=study.id,
        version=1,
        purpose=study.study.purpose,
        outcome="y",
        unit="patient",
        sha256=study.sha256,
        recipe="cox 1",
        strategy="exact sums over all sites",
        seed=0,
    )
    parts = [SitePart(name=s, releases=6, refusals=0, bytes_out=2048) for s in sites]
    run = RunPart(rounds=5, seconds=0.5, reason=reason, model_sha256="ab" * 32)
    return analysed(model, facts, parts, run, tuple(sites), 180)


def rounded(value: Any) -> Any:
    """Return JSON with floats of ten digits, which every machine gives alike."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return pytest.approx(value, rel=1e-8, abs=1e-12) if isinstance(value, float) else value


def test_the_example_is_what_the_code_finds():
    assert json.loads(found().to_json()) == rounded(json.loads(VECTOR.read_bytes()))


def test_the_page_lists_every_key_in_the_order_of_the_file():
    page = (ROOT / "docs/formats/analysis.md").read_text("utf-8")
    outline = re.findall(r"^(\w+)(?:\[\])? ", page.split("```")[1], re.M)

    assert outline == ["format", *(field.name for field in fields(Analysed))]
    assert list(json.loads(VECTOR.read_bytes())) == outline
