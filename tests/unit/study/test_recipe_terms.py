"""What a recipe can be asked for."""

from typing import Any

import pytest

from modelward.errors import StudyFileError
from modelward.study.read import parse

IMAGE = '[features.scan]\ntype = "image"\nsize = [16, 16]\n'
TABLE = '[features.age]\ntype = "number"\nunit = "a"\nrange = [0, 110]\n'
GRADE = '[target.grade]\ntype = "category"\nlevels = ["none", "mild", "severe"]\n'
MASK = '[target.lesion]\ntype = "mask"\n'
ABOUT = '[study]\nid = "graded"\npurpose = "Grade"\n'


def study(features: str, target: str, recipe: str, more: str = "") -> Any:
    """Return the study of these parts."""
    text = f'{ABOUT}{features}{target}[recipe]\nname = "{recipe}"\n{more}'
    return parse(text, file="study.toml")


def test_networks_take_grades_and_a_grade_of_two_is_a_yes_or_no():
    assert study(IMAGE, GRADE, "cnn").outcome.counts_as_yes == (1, 2)
    assert study(TABLE, GRADE + 'yes = ["severe"]\n', "mlp").outcome.counts_as_yes == (2,)
    study(TABLE, GRADE.replace(', "severe"', ""), "logistic")


@pytest.mark.parametrize(
    ("features", "target", "recipe", "more", "says"),
    [
        (TABLE, GRADE, "logistic", "", "'logistic' does not predict 'category': use cnn or"),
        (IMAGE, MASK, "cnn", "", "'cnn' does not predict 'mask': use monai or unet"),
        (IMAGE, "[target.ill]\n", "unet", "", "'unet' does not predict 'boolean'"),
        (TABLE, MASK, "unet", "", "'unet' reads images"),
        (IMAGE, GRADE, "mlp", "", "'mlp' reads tables"),
        (IMAGE, GRADE + 'yes = ["worse"]\n', "cnn", "", "'worse', which is not a level"),
        (IMAGE, GRADE + 'yes = ["none", "mild", "severe"]\n', "cnn", "", "must be a no"),
        (IMAGE, MASK, "unet", '[plan]\nlabel_skew = "logit-adjustment"\n', "shares of classes"),
        (
            IMAGE,
            GRADE,
            "cnn",
            '[plan]\nlabel_skew = "logit-adjustment"\n[privacy.dp]\nepsilon = 3.0\n',
            "needs a noised share of yes",
        ),
    ],
)
def test_what_a_recipe_cannot_do_is_said_before_anybody_is_asked(
    features, target, recipe, more, says
):
    with pytest.raises(StudyFileError, match=says):
        study(features, target, recipe, more)
