"""Which recipes there are, and how a wrong `[recipe]` table is explained."""

import subprocess
import sys

import pytest

from modelward.core.study import RecipeChoice
from modelward.errors import StudyFileError
from modelward.recipes.catalogue import INSTALLED, option_faults, recipe


@pytest.mark.parametrize(("name", "version"), INSTALLED)
def test_every_recipe_is_found_under_its_own_name_with_its_defaults(name, version):
    found = recipe(RecipeChoice(name=name, version=version))

    assert (found.name, found.version) == (name, version)


def test_naming_recipes_does_not_import_torch():
    program = "import sys, modelward.recipes.catalogue; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_unknown_recipe_is_named_with_its_nearest():
    assert option_faults(RecipeChoice(name="logistics")) == [
        ("name", "there is no recipe 'logistics'", "did you mean 'logistic'?")
    ]
    ((_, _, remedy),) = option_faults(RecipeChoice(name="xyz"))
    names = (
        "cnn, combat, cox, densenet, describe, fusion, glm, gru, hazard, km, logistic, lora, "
        "mlp, monai, scattering, transformer, trees, unet"
    )
    assert remedy == f"valid here: {names}"


def test_an_unknown_version_is_told_which_are_installed():
    assert option_faults(RecipeChoice(name="mlp", version=7)) == [
        ("version", "version 7 of 'mlp' is not installed", "installed here: 1")
    ]


def test_all_wrong_options_are_reported_at_once():
    choice = RecipeChoice(name="cnn", options={"chanels": (8,), "shift": -1, "norm": "batch"})

    faults = {key: (what, remedy) for key, what, remedy in option_faults(choice)}

    assert faults["options.chanels"] == ("there is no such option", "did you mean 'channels'?")
    assert "greater than or equal to 0" in faults["options.shift"][0]
    assert "found 'batch'" in faults["options.norm"][0]
    assert len(faults) == 3


def test_options_that_disagree_with_each_other_are_explained():
    ((key, what, _),) = option_faults(RecipeChoice(name="cnn", options={"channels": (12,)}))

    assert key == "options"
    assert what == "groups = 8 must divide channels, not 12"


@pytest.mark.parametrize("l2", [-1.0, "much", True])
def test_a_penalty_that_is_not_a_number_from_zero_up_is_a_fault(l2):
    ((key, _, remedy),) = option_faults(RecipeChoice(name="logistic", options={"l2": l2}))

    assert key == "options.l2"
    assert remedy == "the default is 1.0"


def test_a_recipe_with_faults_is_never_made():
    with pytest.raises(
        StudyFileError, match=r"recipe\.options\.hiden: there is no such option"
    ):
        recipe(RecipeChoice(name="mlp", options={"hiden": (8,)}))
