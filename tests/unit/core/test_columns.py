"""Whoever holds the same study builds the same columns."""

from modelward.core.canonical import canonical_bytes
from modelward.core.columns import columns
from modelward.simulation import data
from modelward.study.read import from_json, parse


def test_columns_follow_from_the_hash_of_a_study_not_from_how_its_file_is_written():
    written = parse((data.STUDIES / "heart-disease.toml").read_text())
    travelled = from_json(canonical_bytes(written.model_dump(mode="json")))
    assert list(travelled.features) != list(written.features)

    assert travelled.sha256 == written.sha256
    assert columns(travelled) == columns(written)
    assert [column.name for column in columns(written)][:3] == ["age", "chol", "cp=2"]
