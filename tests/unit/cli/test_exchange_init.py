"""`modelward exchange init` looks at the files that it is given before it writes any."""

import json

from typer.testing import CliRunner

from modelward.cli.exchange import app
from modelward.errors import BadArtifact


def test_another_shared_set_than_the_questions_is_refused_before_keys_are_made(tmp_path):
    asked = {"id": "q", "purpose": "research", "labels": ["a", "b"], "inputs": [2],
             "shared": "0" * 64, "shared_units": 3}  # fmt: skip
    question, shared = tmp_path / "question.json", tmp_path / "shared.safetensors"
    question.write_text(json.dumps(asked))
    shared.write_bytes(b"something else")
    site = tmp_path / "north"

    done = CliRunner().invoke(
        app,
        ["init", str(site), "--name", "north", "--question", str(question),
         "--shared", str(shared), "--carrier", str(tmp_path)],
    )  # fmt: skip

    assert isinstance(done.exception, BadArtifact)
    assert "the question names another set" in done.exception.what
    assert not site.exists()
