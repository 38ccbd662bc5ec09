"""Every kind of entry, each with its fields and no others."""

from pathlib import Path

import pytest

from modelward.core.canonical import Json
from modelward.errors import BadArtifact
from modelward.ledger import kinds
from tests.ledgers import open_ledger

PAGE = Path(__file__).parents[3] / "docs/formats/ledger.md"
HASH = "9f" * 32
ASKED: dict[str, Json] = {"study": HASH, "round": 1, "task": HASH, "artifact": "update"}
FINDINGS: Json = [{"rule": "finite", "says": "NaN in w", "remedy": "lower the rate"}]
STATE: Json = {"size": 5, "root": HASH}
EXAMPLES: dict[str, dict[str, Json]] = {
    "approval": {"study": HASH, "by": "A. Officer", "roster": HASH},
    "release": {
        **ASKED,
        "sha256": HASH,
        "bytes": 4096,
        "patients": 199,
        "privacy": {"mechanism": "none"},
    },
    "refusal": {**ASKED, "findings": FINDINGS},
    "hold": {**ASKED, "findings": FINDINGS, "awaits": "A. Officer"},
    "privacy": {"study": HASH, "round": 1, "cohort": "c1", "event": {"sigma": 1.5}},
    "reservation": {
        "study": HASH,
        "reservation": "r1",
        "cohort": HASH,
        "events": [{"noise": 1.5, "steps": 20}],
    },
    "closure": {"study": HASH, "reservation": "r1"},
    "gap": {
        "alarm": "0123456789abcdef",
        "by": "A. Officer with B. Officer",
        "spent": {"epsilon": 2.5},
    },
    "policy": {"by": "A. Officer", "before": HASH, "after": HASH},
    "decline": {"study": HASH, "by": "A. Officer", "roster": HASH},
    "withdrawal": {"study": HASH, "by": "A. Officer"},
    "intake": {
        "study": HASH,
        "round": 2,
        "asked": HASH,
        "findings": [{"rule": "intake-step", "says": "it moved by 12", "remedy": "ask"}],
    },
    "failure": {
        "study": HASH,
        "round": 2,
        "asked": HASH,
        "findings": [{"rule": "trainer", "says": "it ended twice", "remedy": "read the log"}],
    },
    "message": {"finding": "its sequence was used before"},
    "receipt": {"study": HASH, "round": 1, "sha256": HASH, "bytes": 9, "source": "hub"},
    "cohort": {"study": HASH, "snapshot": HASH, "units": 87, "opted_out": 3},
    "letter": {"study": HASH, "number": 3, "about": "offer", "sha256": HASH},
    "turned-away": {"study": HASH, "card": HASH, "source": "va", "findings": FINDINGS},
    "decision": {
        "study": HASH,
        "subject": "the model in use",
        "said": "use local",
        "by": "Dr Ada Byron",
        "reason": "not shown to be better",
    },
    "alarm": {"origin": "modelward/va", "finding": "split", "held": STATE, "shown": STATE},
}


def test_there_is_an_example_of_every_kind():
    assert set(EXAMPLES) == set(kinds.KINDS)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_is_recorded_and_said_in_words(kind, tmp_path):
    with open_ledger(tmp_path) as ledger:
        recorded = ledger.append(kinds.fields(kind, **EXAMPLES[kind]))

    said = kinds.words(recorded)
    assert recorded["kind"] == kind
    assert "{" not in said
    assert HASH not in said


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in EXAMPLES for field in EXAMPLES[kind]]
)
def test_a_missing_wrong_or_extra_field_is_refused(kind, field):
    left = {name: value for name, value in EXAMPLES[kind].items() if name != field}

    with pytest.raises(BadArtifact, match=f"as '{kind}': {field} is missing"):
        kinds.fields(kind, **left)
    nothing: tuple[Json, ...] = (None, "", " ", -1, True, 1.5, [], {})
    for wrong in nothing:
        with pytest.raises(BadArtifact, match=f"{field} is not "):
            kinds.fields(kind, **{**left, field: wrong})
    with pytest.raises(BadArtifact, match="colour is not a field of it"):
        kinds.fields(kind, **EXAMPLES[kind], colour="red")


@pytest.mark.parametrize("wrong", ["9F" * 32, "9f" * 31, "9f" * 33, "zz" * 32])
def test_a_hash_is_64_lower_case_hex_digits(wrong):
    with pytest.raises(BadArtifact, match="roster is not hash"):
        kinds.fields("approval", **{**EXAMPLES["approval"], "roster": wrong})


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [
        ("refusal", "findings", [{"rule": "finite", "says": "NaN"}]),
        ("refusal", "findings", [{"rule": "", "says": "NaN", "remedy": "x"}]),
        ("refusal", "findings", ["finite"]),
        ("alarm", "held", {"size": 5}),
        ("alarm", "held", {"size": -5, "root": HASH}),
        ("alarm", "held", {"size": 5, "root": "aa"}),
        ("alarm", "held", {"size": 5, "root": HASH, "more": 1}),
    ],
)
def test_tables_have_exactly_their_fields(kind, field, wrong):
    with pytest.raises(BadArtifact, match=f"{field} is not "):
        kinds.fields(kind, **{**EXAMPLES[kind], field: wrong})


def test_all_faults_are_reported_at_once_with_the_nearest_name():
    with pytest.raises(BadArtifact) as caught:
        kinds.fields("release", **ASKED, patient=3, bytes=-1)

    assert "sha256 is missing" in caught.value.what
    assert "patient is not a field of it (did you mean patients?)" in caught.value.what
    assert "bytes is not count: '-1'" in caught.value.what
    with pytest.raises(BadArtifact, match=r"no such kind \(did you mean release\?\)"):
        kinds.fields("relaese")


def test_a_release_reads_as_a_person_would_say_it():
    assert kinds.words(kinds.fields("release", **EXAMPLES["release"])) == (
        "released update 9f9f9f9f9f9f…, 4,096 bytes from 199 patients, for round 1 of study"
        " 9f9f9f9f9f9f…"
    )
    assert kinds.words(kinds.fields("refusal", **EXAMPLES["refusal"])) == (
        "refused update for round 1 of study 9f9f9f9f9f9f…: finite: NaN in w"
    )


def test_a_kind_of_the_future_is_shown_as_it_stands():
    assert kinds.words({"kind": "flight", "to": "moon", "seq": 3}) == (
        "says {'kind': 'flight', 'to': 'moon'}"
    )


@pytest.mark.parametrize("bad", ["\x1b[2J", "a\nb", "\u202eb", "\x9b", "\u200b"])
def test_no_entry_moves_the_cursor_or_hides_a_letter(bad):
    finding = {"rule": bad, "says": bad, "remedy": bad}
    said: list[dict[str, Json]] = [
        {**EXAMPLES["refusal"], "kind": "refusal", "findings": [finding], "artifact": bad},
        {**EXAMPLES["release"], "kind": "release", "privacy": {bad: bad}},
        {**EXAMPLES["release"], "kind": "release", "review": HASH, "by": bad},
        {"kind": bad, bad: bad},
    ]

    for each in said:
        assert kinds.words(each).isprintable()


def test_a_kind_that_is_asked_for_must_be_one_there_is():
    kinds.known(None)
    kinds.known("refusal")

    with pytest.raises(
        BadArtifact, match=r"no kind 'refusals' of entry \(did you mean refusal"
    ):
        kinds.known("refusals")


def test_the_page_lists_every_kind_with_its_fields():
    page = PAGE.read_text()

    for name, kind in kinds.KINDS.items():
        required = ", ".join(f"`{field}`" for field in kind.needs)
        optional = ", ".join(f"`{field}`" for field in kind.may)
        assert f"| `{name}` | {required} | {optional} |" in page
