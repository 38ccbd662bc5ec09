"""The command line and programs have the same verbs."""

from inspect import signature

import pytest

from modelward.cli.exchange import app
from modelward.exchange import verbs

SETTING_UP = {"init", "admit", "leaf"}
"""What makes keys, files and a server; in Python institution.prepare, admitting.admit, Leaf."""

COMMANDS = {
    each.name or each.callback.__name__ for each in app.registered_commands if each.callback
}


def test_the_command_line_has_every_verb_of_the_network():
    assert {
        "offer", "catalogue", "pull", "evaluate", "adopt", "distil", "trust", "map", "revoke",
        "report",
    } <= COMMANDS  # fmt: skip


@pytest.mark.parametrize("name", sorted(COMMANDS - SETTING_UP))
def test_every_command_has_its_twin_in_python_which_takes_an_open_institution(name):
    assert name in verbs.__all__

    verb = getattr(verbs, name)

    assert next(iter(signature(verb).parameters)) == "here"
    assert verb.__doc__


@pytest.mark.parametrize("name", sorted(COMMANDS - {"leaf"}))
def test_every_command_can_answer_in_json(name):
    callbacks = {
        e.name or e.callback.__name__: e.callback for e in app.registered_commands if e.callback
    }

    assert "as_json" in signature(callbacks[name]).parameters
