"""`modelward exchange init` looks at the files that it is given before it writes any."""

import json

import pytest
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


@pytest.mark.parametrize("wrong", ["leaf:99999", "leaf:0", "leaf:abc", "leaf:-1"])
def test_a_leaf_on_a_port_that_is_none_is_refused_and_is_no_folder(tmp_path, wrong):
    asked = {"id": "q", "purpose": "research", "labels": ["a", "b"], "inputs": [2]}
    question = tmp_path / "question.json"
    question.write_text(json.dumps(asked))

    done = CliRunner().invoke(
        app,
        ["init", str(tmp_path / "north"), "--name", "north", "--question", str(question),
         "--carrier", wrong],
    )  # fmt: skip

    assert done.exit_code == 2
    assert "is not leaf[:PORT]" in done.output


def test_init_says_by_which_wire_letters_go_in_words_and_in_json(tmp_path):
    asked = {"id": "q", "purpose": "research", "labels": ["a", "b"], "inputs": [2]}
    question = tmp_path / "question.json"
    question.write_text(json.dumps(asked))
    words = ["init", str(tmp_path / "north"), "--name", "north", "--question", str(question)]

    said = CliRunner().invoke(app, [*words, "--carrier", str(tmp_path / "jetsream")])
    again = CliRunner().invoke(app, [*words, "--carrier", "leaf", "--json"])

    assert f"letters go by           the folder {tmp_path / 'jetsream'}" in said.output
    told = json.loads(again.stdout)
    assert told["wire"] == "a leaf server on port 4322"
    assert told["fingerprint"] in said.output


@pytest.mark.parametrize("seed", [-1, 2**40])
def test_a_seed_that_is_none_is_a_word_about_the_option(tmp_path, seed):
    done = CliRunner().invoke(app, ["train", str(tmp_path), "--seed", str(seed)])

    assert done.exit_code == 2
    assert "--seed" in done.output
