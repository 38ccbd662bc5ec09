"""A record of processing says what entries say, each sentence with its entries, no more."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.artifact.store import Store
from modelward.cli.site import app
from modelward.core.canonical import Json
from modelward.core.task import Task
from modelward.errors import LedgerBroken, NotApproved
from modelward.ledger import kinds
from modelward.ledger.verify import Verified
from modelward.report.processing.claims import Claim
from modelward.report.processing.evidence import collect
from modelward.report.processing.evidence_page import runs
from modelward.report.processing.identifiers import search
from modelward.study.agreement import Agreement
from tests.docs.test_words import CLAIMS
from tests.studies import TABLE, hospital, make_site, table_study

STUDY = table_study()
H = "ab" * 32
EMPTY = Verified(
    origin="x", entries=0, root=bytes(32), checkpoints=0, key=H,
    key_from_ledger=True,
)  # fmt: skip
FINDING = {"rule": "min-patients", "says": "call Dr Muster at 555-123-4567", "remedy": "wait"}


REVIEWED: dict[str, Json] = {
    "round": 4,
    "task": "ab" * 32,
    "artifact": "update",
    "sha256": H,
    "bytes": 7,
    "patients": 30,
    "privacy": {"mechanism": "none"},
    "by": "Somebody Careful",
    "key": H,
    "review": H,
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a site that approved, released, refused, and was asked by a stranger."""
    folder = make_site(tmp_path / "north", 90, 1)
    opened = hospital(folder, "north", STUDY)
    sha = STUDY.sha256
    opened.ledger.append(kinds.fields("approval", study=sha, by="Dr Ada Byron", roster=H))
    for round_no in (0, 1):
        task = Task(study=sha, round_no=round_no, kind="statistics")
        opened.answer(task, Store(tmp_path / "models"))
    opened.ledger.append_all(
        [
            kinds.fields("intake", study=sha, round=2, asked=H, findings=[FINDING]),
            kinds.fields("intake", study=sha, round=3, asked=H, findings=[FINDING]),
            kinds.fields("release", **REVIEWED, study=sha),
            kinds.fields("policy", by="Dr Ada Byron", before=H, after="cd" * 32),
            kinds.fields("withdrawal", study="ef" * 32, by="Somebody <b>else</b>"),
        ]
    )
    opened.close()
    return folder


def page_of(site: Path) -> str:
    """Run the command and return the page it writes."""
    out, terms = site / "evidence.html", site / "study.toml"
    terms.write_text(TABLE)
    options = ["--study", "small", "--terms", str(terms), "--out", str(out)]
    done = CliRunner().invoke(app, ["evidence", str(site), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return out.read_text("utf-8")


def test_every_sentence_links_to_entries_that_are_on_the_page(site):
    page = page_of(site)
    sentences = re.findall(r"<li>(.*?)</li>", page)

    assert len(sentences) >= 12
    for each in sentences:
        links = re.findall(r'href="#entry-(\d+)"', each)
        assert links, each
        for link in links:
            assert f'id="entry-{link}"' in page


def test_it_says_purpose_decision_release_refusal_privacy_and_what_nobody_saw(site):
    page = page_of(site)

    for says in (
        "The purpose that the terms state is: Tell who falls ill.",
        "They name no legal basis.",
        "age (number, unit a)",
        "A text without a hit can still name a person.",
        "Dr Ada Byron approved study",
        "2 of the kind statistics left",
        "1 of them left after Somebody Careful had reviewed them.",
        "was not let in, by rule min-patients: 2 times",
        "3 releases left without differential privacy: no bound",
        "changed the policy",
        "entries of this study have only the site",
    ):
        assert says in page, says


def test_the_page_claims_nothing_that_nobody_can_check(site):
    assert CLAIMS.findall(page_of(site)) == []


def test_what_is_about_another_study_is_not_on_the_page_and_text_is_escaped(site):
    page = page_of(site)

    assert "Somebody &lt;b" not in page
    assert "<b>else</b>" not in page


def test_identifiers_are_counted_by_rule_and_never_judged(site):
    page = page_of(site)

    assert "entries of this study: 3 hits of rule A name with a title." in page
    assert "entries of this study: 2 hits of rule D, E telephone or fax." in page
    assert "entries of this study: 0 hits of each of the rules B street" in page
    assert "In the terms: 0 hits of each of the rules A name with a title; B street" in page
    assert "de-identified" not in page.lower()


def test_a_sentence_without_an_entry_cannot_be_made():
    with pytest.raises(LedgerBroken, match="no entry of the ledger says: All is well"):
        Claim("All is well.", ())


def test_words_of_the_terms_are_searched_as_well():
    named = table_study(TABLE, ("Tell who falls ill", "Follow up Mrs Muster, born 3.11.1931"))
    entry: dict[str, Json] = {
        "kind": "approval", "seq": 0, "time": "2026-11-20T09:00:00Z", "study": named.sha256,
        "by": "somebody", "roster": H,
    }  # fmt: skip

    made = collect(named, [entry], EMPTY)

    (*_, claims) = made.sections.values()
    assert [each.text for each in claims[:2]] == [
        "In the terms: 1 hit of rule A name with a title.",
        "In the terms: 1 hit of rule C date.",
    ]


def test_the_partners_are_named_where_the_roster_at_hand_is_the_approved_one():
    agreement = Agreement.of(STUDY, {"north": "11" * 32, "south": "22" * 32})
    entry: dict[str, Json] = {
        "kind": "approval", "seq": 0, "time": "2026-11-20T09:00:00Z", "study": STUDY.sha256,
        "by": "somebody", "roster": agreement.fingerprint,
    }  # fmt: skip
    title = "Who decided, and who takes part"

    said = [each.text for each in collect(STUDY, [entry], EMPTY, agreement).sections[title]]
    assert said[-1] == "The roster that was decided about names 2 sites: north, south."

    other = [
        each.text
        for each in collect(STUDY, [{**entry, "roster": H}], EMPTY, agreement).sections[title]
    ]
    assert len(other) == 1


def test_a_study_that_no_entry_is_about_has_no_page():
    with pytest.raises(LedgerBroken, match="is about study small"):
        collect(STUDY, [], EMPTY)


def test_a_ledger_that_does_not_verify_has_no_page(site):
    path = site / "ledger" / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Ada", b"Eva"))

    with pytest.raises(LedgerBroken, match="entry 0"):
        page_of(site)


def test_terms_are_found_in_the_sites_folder_and_only_one_may_fit(site):
    with pytest.raises(NotApproved, match="0 studies of"):
        CliRunner().invoke(
            app, ["evidence", str(site), "--study", "small"], catch_exceptions=False
        )


def test_runs_join_numbers_that_follow_each_other():
    assert runs([3, 1, 2, 7, 9, 8, 12]) == [(1, 3), (7, 9), (12, 12)]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("seen by Mrs Muster", "A"),
        ("12 Long Meadow Road", "B"),
        ("12345-6789", "B"),
        ("born 3.11.1931", "C"),
        ("on 2024-02-29", "C"),
        ("Feb 29, 2024", "C"),
        ("a 93-year-old", "C"),
        ("aged 93", "C"),
        ("+41 44 555 12", "D"),
        ("(044) 555-1234", "D"),
        ("x.y@ward.example", "F"),
        ("078-05-1120", "G"),
        ("MRN 0012345", "H"),
        ("policy no 99887", "I"),
        ("serial AB-12345", "L"),
        ("see https://a.example/b", "N"),
        ("from 10.0.0.7", "O"),
        ("1,234 patients, policy asks for 10", None),
        ("norm 64.000001 is above 64", None),
        ("of round 20", None),
    ],
)
def test_each_rule_finds_its_own_and_leaves_findings_of_the_gate_alone(text, letter):
    hits = search([{"seq": 7, "reason": text}])
    found = {each.rule[0] for each in hits}

    assert found >= {letter} if letter else not found
    assert all(each.entries == (7,) for each in hits)


def test_the_page_is_one_file_that_loads_nothing(site):
    page = page_of(site)

    assert "<script" not in page
    assert "default-src 'none'" in page.replace("&#x27;", "'")
