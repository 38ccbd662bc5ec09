"""What `import modelward` promises, and what it costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import modelward
from modelward import simulation
from modelward.core.study import Study
from modelward.simulation.notebook import simulate

HEAVY = {"numpy", "torch", "duckdb", "sqlalchemy", "pydantic", "rich", "typer", "cryptography"}


@pytest.mark.parametrize("name", modelward.__all__)
def test_every_public_name_can_be_used(name):
    found = getattr(modelward, name)

    assert callable(found)
    assert found.__doc__


def test_names_are_the_objects_they_stand_for():
    assert modelward.Study is Study
    assert modelward.simulate is simulate
    assert modelward.simulation is simulation


def test_a_name_that_is_not_public_is_refused_with_the_list():
    with pytest.raises(AttributeError, match=r"modelward\.__all__"):
        modelward.simulates  # noqa: B018 - looked up for its error


def test_importing_the_package_imports_nothing_heavy():
    script = "import json, sys, modelward; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert not HEAVY & set(json.loads(loaded.stdout))


def test_type_checkers_and_the_interpreter_see_the_same_names():
    tree = ast.parse(Path(modelward.__file__).read_text("utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: (str(node.module).removeprefix("modelward."), alias.name)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == modelward._HOME
    assert sorted([*seen, "ModelwardError"]) == modelward.__all__
    assert set(modelward.__all__) <= set(dir(modelward))
