"""Pages on formats say what the code writes and refuses."""

import json
import re
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.aggregate.fixed_point import UpdateSum, round_update
from modelward.artifact import bundle, card, decision
from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, canonical_hash
from modelward.core.tensors import Schema
from modelward.evaluate.findings import Findings
from modelward.gate import policy_file
from modelward.gate.policy_file import as_toml, read_policy
from modelward.hub import transcript
from modelward.joining import files
from modelward.readers import dataset
from modelward.study.model import model_schema
from modelward.study.read import parse
from modelward.study.template import TABLE

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "docs" / "formats"
PAGES = sorted(path for path in FORMATS.glob("*.md") if path.name != "README.md")
TENSORS = {
    "intercept": np.array([0.5], np.float32),
    "weight": np.array([-0.25, 2.0**-24], np.float32),
}


def page(name: str) -> str:
    """Return the text of a page."""
    return (FORMATS / f"{name}.md").read_text("utf-8")


def block(name: str, kind: str) -> str:
    """Return the first block of a page that is fenced as `kind`."""
    found = re.search(rf"```{kind}\n(.*?)```", page(name), re.S)
    assert found
    return found[1]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_an_example_then_rules_then_what_to_reject(path):
    headings = re.findall(r"^## (.*)$", path.read_text("utf-8"), re.M)

    assert headings[:2] == ["A complete example", "Rules"]
    assert "What a reader must reject" in headings


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_index_lists_every_page(path):
    assert f"]({path.name})" in (FORMATS / "README.md").read_text("utf-8")


def test_every_format_that_the_code_mentions_has_a_page():
    text = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    mentioned = set(re.findall(r"docs/formats/(\w+)\.md", text))

    assert mentioned <= {path.stem for path in PAGES}
    assert "docs/formats.md" not in text


def test_the_study_on_its_page_has_the_json_and_the_hash_on_its_page():
    study = parse(block("study", "toml"))

    assert (
        canonical_bytes(study.model_dump(mode="json")).decode() == block("study", "json")[:-1]
    )
    assert f"`{study.sha256}`" in page("study")


def test_the_dataset_on_its_page_can_be_read(tmp_path):
    (tmp_path / "dataset.toml").write_text(block("dataset", "toml"))

    found, path = dataset.read(tmp_path / "dataset.toml")

    assert path == tmp_path / "discharges-2025.csv"
    assert found.heading("age") == "Alter"
    assert found.heading("sex") == "sex"
    for text in dataset.MISSING[1:]:
        assert f"`{text}`" in page("dataset")


def test_the_bundle_on_its_page_is_what_is_written():
    raw = bundle.to_bytes(TENSORS)
    lines = block("bundle", "").splitlines()
    shown = bytes.fromhex("".join(re.sub(r"^\S+: |  .*$", "", line) for line in lines))

    assert shown == raw
    assert f"{len(raw)} bytes, SHA-256 `{sha256(raw).hexdigest()}`" in page("bundle")


def test_the_card_on_its_page_is_what_is_written_and_verifies():
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    raw = bundle.to_bytes(TENSORS)
    entry = Card(
        kind="update",
        study="9f" * 32,
        round_no=1,
        task="51" * 32,
        site="cleveland",
        schema=canonical_hash(Schema.from_tensors(TENSORS).describe()),
        sha256=sha256(raw).hexdigest(),
        nbytes=len(raw),
        patients=199,
        parent="77" * 32,
    )
    shown = block("card", "json")[:-1].encode()

    assert card.to_json(card.sign(entry, key)) == shown
    card.verify(card.from_json(shown), key.public_key())


def test_the_sum_on_its_page_is_what_is_added():
    sites = {"cleveland": (0.1, 199), "va": (-0.2, 85)}
    total = UpdateSum(1)
    shown = [line.split() for line in block("sums", "").splitlines()]
    for place, (offered, patients) in enumerate(sites.values(), start=-2):
        sent = round_update(np.array([offered], np.float32))
        units = int(float(sent[0]) * 2**24)
        assert int(shown[2][place]) == units
        assert float(shown[3][place]) == float(sent[0])
        assert int(shown[4][place]) == units * patients
        total.add(sent, patients)

    added = sum(int(each) for each in shown[4][-2:])
    assert int(shown[6][-1]) == added
    assert float(shown[7][-3]) == round(added / 284, 1)
    assert float(shown[8][-1]) == float(total.mean()[0])


def test_the_findings_beside_their_page_are_read_and_written_again():
    raw = (ROOT / "tests/vectors/findings/findings.json").read_text("utf-8")

    assert Findings.from_json(raw).to_json() == raw


def test_every_field_of_the_findings_is_on_their_page():
    outline = set(re.findall(r"\w+", block("findings", "") + page("findings")))

    assert names_of(Findings) <= outline


def names_of(kind: object) -> set[str]:
    """Return the names of all fields of a dataclass and of the dataclasses within."""
    found: set[str] = set()
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            found |= {field.name} | names_of(hints[field.name])
    for inner in get_args(kind):
        found |= names_of(inner)
    return found


def test_the_model_on_its_page_is_what_an_export_of_the_tutorial_holds():
    shown = dict(re.findall(r"^\| `([\w.]+)` \| (\w+ \[\d+\])", page("model"), re.M))
    days = '\n[features.days]\ntype = "number"\nunit = "d"\nrange = [0, 60]\n'
    schema = model_schema(parse(TABLE + days))

    assert shown == {spec.name: f"{spec.dtype} {list(spec.shape)}" for spec in schema}
    assert f"{len(bundle.header(schema)) + schema.nbytes} bytes" in page("model")


@pytest.mark.parametrize(
    ("name", "kind"), [("request", files.Request), ("membership", files.Membership)]
)
def test_the_joining_files_on_their_pages_are_the_vectors_and_are_signed(name, kind):
    raw = block(name, "json")[:-1].encode()
    vector = ROOT / "tests/vectors/joining" / f"{name}.json"

    found = kind.read(raw, file=name)

    assert vector.read_bytes() == raw
    assert f"`{found.spoken}`" in page(name)
    found.opened_by(found.signing)


def test_the_request_on_its_page_proves_what_it_says():
    asked = files.Request.read(block("request", "json").encode(), file="request.json")

    files.check_request(asked)


def test_the_approval_on_its_page_is_read():
    raw = block("approval", "(?:json)?")[:-1].encode()

    found = decision.Decision.read(json.loads(raw))

    assert canonical_bytes(found.body()) == raw
    assert set(get_args(decision.Word)) <= set(re.findall(r"`(\w+)`", page("approval")))


def test_the_transcript_on_its_page_is_read():
    raw = block("transcript", "(?:json)?")[:-1].encode()

    found = transcript.from_body("9f" * 32, 1, json.loads(raw))

    assert canonical_bytes(found.body()) == raw
    assert [each.weight for each in found.inputs] == [199, 85]


def test_the_policy_on_its_page_is_read_to_the_last_key_and_the_page_lists_every_key(tmp_path):
    (tmp_path / "policy.toml").write_text(block("policy", "toml"))

    read = read_policy(tmp_path / "policy.toml")

    assert as_toml(read) == block("policy", "toml").strip()
    parts = (policy_file.Leaves, policy_file.Studies, policy_file.Budget)
    for part in (*parts, policy_file.LeakageFile):
        for key in part.model_fields:
            assert re.search(rf"^\| `(\[\w+\] )?{key}` \|", page("policy"), re.M), key
