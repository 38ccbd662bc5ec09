"""`modelward ledger` from the outside: what it prints, writes and returns."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.cli.ledger import _is_of, _told, app
from modelward.cli.named_studies import named_studies
from modelward.errors import BadArtifact, LedgerBroken
from modelward.ledger import checkpoint
from tests.studies import table_study
from tests.witnesses import KEYS

VECTOR = Path(__file__).parents[2] / "vectors/ledger"


def says(*words: str | Path) -> str:
    """Run a command that must succeed; return what it prints."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_verify_says_what_holds_and_who_saw_it():
    said = says("verify", VECTOR, "--key", VECTOR / "key.pub", "--witness", KEYS[0].text)

    assert said.splitlines() == [
        "ok: 3 entries of modelward/cleveland, root "
        "ae3e243b76a30b1ddbc87823b0792b4ed9116f27f33283f0f78fe83833b5d188",
        "seen:  3 entries by 1 of 1 witnesses: hub at 2026-11-20T12:00:00Z",
    ]


def test_verify_says_when_the_key_is_only_the_folders_own():
    assert "not whose it is" in says("verify", VECTOR)


def test_verify_refuses_when_too_few_saw_it():
    with pytest.raises(LedgerBroken, match="1 of 2 witnesses cosigned"):
        says("verify", VECTOR, "--witness", KEYS[0].text, "--witness", KEYS[1].text)
    assert "hub" in says(
        "verify", VECTOR, "--witness", KEYS[0].text, "--witness", KEYS[1].text, "--need", "1"
    )


def test_show_says_entries_in_words_and_finds_a_round():
    assert says("show", VECTOR, "--round", "1") == (
        "     0  2026-11-20T09:30:00Z  released update 3b3b3b3b3b3b…, 4,096 bytes from 199"
        " patients, for round 1 of study 9f9f9f9f9f9f…\n"
    )
    assert len(says("show", VECTOR, "--study", "9f9f").splitlines()) == 3
    assert says("show", VECTOR, "--study", "aa") == ""
    assert len(says("show", VECTOR, "--kind", "refusal").splitlines()) == 2
    with pytest.raises(BadArtifact, match="did you mean refusal"):
        says("show", VECTOR, "--kind", "refused")
    assert '"kind": "refusal"' in says("show", VECTOR, "--round", "2", "--json")


def test_show_says_a_study_by_name_where_its_file_lies_beside_the_ledger(tmp_path):
    study = table_study()
    ledger = tmp_path / "run" / "sites" / "north" / "ledger"
    shutil.copytree(VECTOR, ledger)
    run = {"study": study.sha256, "terms": study.model_dump(mode="json")}
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))

    assert named_studies(ledger) == {study.sha256: "small v1"}
    assert _told({"study": study.sha256, "kind": "?"}, named_studies(ledger)).startswith("says")
    entry = {"kind": "withdrawal", "by": "Ada", "study": study.sha256, "reason": "asked"}
    said = _told(entry, named_studies(ledger))
    assert f"study small v1 ({study.sha256[:12]}…)" in said
    assert _is_of(study.sha256, "small", named_studies(ledger))
    assert _is_of(study.sha256, study.sha256[:4], {})
    assert not _is_of(study.sha256, "smaller", named_studies(ledger))
    assert says("show", ledger) == says("show", VECTOR)
    (tmp_path / "run" / "run.json").write_text("{")
    assert named_studies(ledger) == {}


@pytest.mark.parametrize("named", [["--entry", "0"], ["--artifact", "3b" * 32]])
def test_an_entry_is_proven_and_the_proof_verifies(tmp_path, named):
    out = tmp_path / "one.tlog-proof"
    assert says("prove", VECTOR, *named, "--out", out) == f"{out}\n"

    said = says("verify-proof", out, "--key", VECTOR / "key.pub")

    assert said.startswith("ok: entry 0 of 3 of modelward/cleveland\n2026-11-20T09:30:00Z rel")


def test_a_proof_under_cosignatures_names_the_witnesses(tmp_path):
    out = tmp_path / "one.tlog-proof"
    says("prove", VECTOR, "--entry", "1", "--out", out, "--witnessed")

    key = VECTOR / "key.pub"
    assert "by 1 of 1 witnesses: hub at" in says(
        "verify-proof", out, "--key", key, "--witness", KEYS[0].text
    )
    with pytest.raises(LedgerBroken, match="0 of 1 witnesses"):
        says("verify-proof", out, "--key", key, "--witness", KEYS[1].text)


def test_growth_is_proven_against_a_checkpoint_that_was_kept(tmp_path):
    held, out, key = tmp_path / "held", tmp_path / "growth", VECTOR / "key.pub"
    held.write_bytes(checkpoint.split_history((VECTOR / "checkpoints").read_bytes())[0][1])
    assert says("prove", VECTOR, "--since", held, "--out", out, "--witnessed") == f"{out}\n"

    check = ("verify-proof", out, "--key", key, "--held", held)
    said = says(*check, "--witness", KEYS[0].text)

    assert said.startswith("ok: 3 entries of modelward/cleveland extend the 1 you hold\nseen:")
    with pytest.raises(LedgerBroken, match="0 of 1 witnesses"):
        says(*check, "--witness", KEYS[1].text)
    held.write_bytes((VECTOR / "witnessed").read_bytes())
    with pytest.raises(
        LedgerBroken, match="starts at 1 entries, and you hold a checkpoint of 3"
    ):
        says(*check)


def test_a_proof_is_about_one_thing(tmp_path):
    for named in (["--artifact", "3b" * 32], ["--since", VECTOR / "witnessed"]):
        with pytest.raises(LedgerBroken, match="more than one thing"):
            says("prove", VECTOR, "--entry", "1", *named, "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_is_not_there_is_not_proven(tmp_path):
    for named in ([], ["--artifact", "aa" * 32]):
        with pytest.raises(LedgerBroken, match="no entry of"):
            says("prove", VECTOR, *named, "--out", tmp_path / "x")
    with pytest.raises(LedgerBroken, match="no entry 3 in a tree of 3"):
        says("prove", VECTOR, "--entry", "3", "--out", tmp_path / "x")
    with pytest.raises(LedgerBroken, match="cannot be read"):
        says("verify-proof", tmp_path / "x", "--key", VECTOR / "key.pub")


def test_export_writes_tiles(tmp_path):
    assert says("export", VECTOR, tmp_path) == f"3 files of 3 entries in {tmp_path}\n"

    assert (tmp_path / "tile/0/000.p/3").stat().st_size == 96
    assert (tmp_path / "tile/entries/000.p/3").is_file()
