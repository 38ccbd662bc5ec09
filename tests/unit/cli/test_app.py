"""The real command: answers at once, imports little, and ends as it should."""

import json
import resource
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest

from modelward.cli.site import terms_of
from modelward.errors import NotApproved, StudyFileError
from modelward.study.read import read
from tests.command import MODELWARD, environment, modelward
from tests.studies import TABLE, make_site

HEAVY = ("torch", "duckdb", "sqlalchemy", "numpy", "pydantic", "nats", "sklearn")

UNMEASURED = {"COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE"}


@pytest.mark.slow
def test_help_comes_in_less_than_half_a_second():
    """Of the processor's time: what else runs on the machine is no fault of the command."""
    quiet = {key: value for key, value in environment().items() if key not in UNMEASURED}
    taken = []
    for _ in range(5):
        began = _of_children()
        subprocess.run([MODELWARD, "--help"], env=quiet, check=True, capture_output=True)
        taken.append(_of_children() - began)

    assert min(taken) < 0.5


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_imports_nothing_heavy():
    asked = (
        "import sys\n"
        "from modelward.cli.app import app\n"
        "try:\n    app(['--help'])\n"
        f"finally:\n    sys.stderr.write(repr(sorted(set({HEAVY!r}) & set(sys.modules))))"
    )

    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )

    assert done.stderr.endswith("[]")


@pytest.mark.slow
def test_a_site_starts_without_the_code_of_a_database():
    asked = (
        "import sys\n"
        "from modelward.engines.jetstream.at_site import site_node, site_state\n"
        "print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("words", [(), ("study",), ("study", "simulate")], ids=" ".join)
def test_a_command_explains_itself(tmp_path, words):
    # what all of them say is held to its page by tests/docs/test_reference.py
    found = modelward(*words, "--help", cwd=tmp_path)

    assert found.returncode == 0
    assert "Usage: modelward" in found.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",), ("study", "simulate", "x.toml"), ("demo", "--only", "cancer"),
        ("demo", "--workers", "0"), ("demo", "--seed", "-1"), ("study", "check"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_exit_2_and_no_traceback(tmp_path, words):
    found = modelward(*words, cwd=tmp_path)

    assert found.returncode == 2
    assert found.stdout == ""
    assert "Traceback" not in found.stderr


def test_the_version_is_that_of_the_package(tmp_path):
    assert modelward("--version", cwd=tmp_path).stdout.strip() == version("modelward")


@pytest.mark.slow
def test_a_template_is_written_checked_and_explained(tmp_path):
    written = modelward("study", "new", cwd=tmp_path)
    checked = modelward("study", "check", "study.toml", cwd=tmp_path)

    assert written.stdout.startswith("wrote study.toml")
    assert read(tmp_path / "study.toml").sha256 in checked.stdout
    images = modelward("study", "new", "--images", "x.toml", cwd=tmp_path)
    assert images.returncode == 0
    assert "cnn" in (tmp_path / "x.toml").read_text()


@pytest.mark.slow
def test_the_schema_is_json_and_knows_every_table(tmp_path):
    schema = json.loads(modelward("study", "schema", cwd=tmp_path).stdout)

    assert set(tomllib.loads(TABLE)) <= set(schema["properties"])


@pytest.mark.slow
def test_a_ledger_is_verified_by_its_folder_and_a_key(tmp_path):
    from modelward.artifact.store import Store
    from modelward.core.task import Task
    from tests.studies import hospital, table_study

    study = table_study()
    opened = hospital(make_site(tmp_path / "north", 60, 1), "north", study)
    opened.answer(
        Task(study=study.sha256, round_no=0, kind="statistics"), Store(tmp_path / "models")
    )
    opened.close()
    key = tmp_path / "north" / "ledger" / "key.pub"

    alone = modelward("ledger", "verify", "north/ledger", cwd=tmp_path)
    keyed = modelward("ledger", "verify", "north/ledger", "--key", key, cwd=tmp_path)

    assert alone.stdout.startswith("ok: 1 entries of modelward/north, root ")
    assert "the key was taken from the ledger itself" in alone.stdout
    assert "the key was taken" not in keyed.stdout

    entries = tmp_path / "north" / "ledger" / "entries.jsonl"
    edited = entries.read_bytes().replace(b'"round":0', b'"round":1')
    assert edited != entries.read_bytes()
    entries.write_bytes(edited)
    broken = modelward("ledger", "verify", "north/ledger", cwd=tmp_path)
    assert broken.returncode == 5
    assert "entry 0 (line 1)" in broken.stderr


def test_the_module_is_the_command(tmp_path):
    found = subprocess.run(
        [sys.executable, "-m", "modelward", "--version"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert found.stdout.strip() == version("modelward")


def test_terms_of_a_record_are_those_that_were_named_and_a_file_that_is_gone_is_told(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(TABLE)

    assert terms_of(tmp_path, "small", file) == read(file)
    with pytest.raises(NotApproved, match="0 studies of"):
        terms_of(tmp_path, "another", file)
    with pytest.raises(StudyFileError, match="cannot be read: No such file"):
        terms_of(tmp_path, "small", tmp_path / "absent.toml")
