"""What a study of sums may ask, and that its terms fit each other."""

import pytest

from modelward.errors import StudyFileError
from modelward.gate.policy import Policy
from modelward.gate.terms import clauses
from modelward.recipes.catalogue import analysis, recipe
from modelward.study.answers import answer_to
from modelward.study.explain import explain, most_bytes, tasks_of
from modelward.study.model import initial, parameter_schema
from modelward.study.read import parse
from tests.analyses import numbers, study_of
from tests.studies import TABLE, table_study

TIMED = 'type = "time-to-event"\nhorizon = 365'
WARD = '[features.ward]\ntype = "category"\nlevels = ["a", "b"]\n'


def whole(name: str, target: str = TIMED, options: str = "", more: str = "") -> str:
    return (
        '[study]\nid = "s"\npurpose = "p"\n'
        + numbers("a", "b")
        + WARD
        + f'[target.y]\n{target}\n[recipe]\nname = "{name}"\noptions = {{ {options} }}\n'
        + f'[plan]\nstrategy = "sums"\n{more}'
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (whole("cox", 'type = "boolean"'), "target.y.type: 'boolean' is not what 'cox' takes"),
        (whole("glm"), "target.y.type: 'time-to-event' is not what 'glm' takes: boolean"),
        (whole("cox", options='strata = "a"'), "'a' is no category or boolean feature"),
        (whole("km", options="width = 1", target=TIMED.replace("365", "9999")), "at most 500"),
        (whole("km", options='by = "nobody"'), "recipe.options.by: 'nobody' is no category"),
        (whole("km", options="min_cells = 3"), "did you mean 'min_cell'?"),
        (whole("combat", 'type = "boolean"'), "cohort.complete: must be true"),
        (whole("glm", 'type = "boolean"', 'exposure = "a"'), "'a' is no number feature with"),
        (whole("cox", more='[stop]\nmetric = "auc"\n'), "stop.metric: 'sums' stops by itself"),
        (whole("cox", more="[privacy.dp]\nepsilon = 1.0\n"), "exact sums have no bound"),
        (whole("logistic", 'type = "boolean"'), "'sums' is for statistical recipes"),
        (whole("cox").replace('"sums"', '"fedavg"'), "set plan.strategy = 'sums'"),
        (whole("cox", TIMED + '\nunit = "kg"'), "unit must be one of time, found 'kg'"),
        (whole("cox").replace("features.b", "features.y_time"), "is the name of the target's"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(text, says):
    with pytest.raises(StudyFileError) as caught:
        parse(text)

    assert says in caught.value.what


def test_a_study_of_before_has_the_hash_of_before():
    """A key that was made optional, and a strategy that was added, leave no trace."""
    old = table_study(TABLE, ('[target.ill]\ntype = "boolean"', "[target.ill]"))

    assert old.sha256 == table_study().sha256
    target = parse(whole("cox", TIMED + '\ncode = ["Patient:death"]')).model_dump(mode="json")
    assert target["target"]["y"] == {
        "type": "time-to-event", "code": ["Patient:death"], "horizon": 365,
    }  # fmt: skip


def test_site_and_hub_know_the_tensors_from_the_study_alone():
    study = parse(whole("cox"))

    kind, schema = answer_to(study, "sums")

    assert kind == "statistics"
    assert {spec.name: spec.shape for spec in schema}["hessian"] == (3, 3)
    assert all(spec.dtype == "F64" for spec in parameter_schema(study))
    assert not initial(study, None).parameters.any()
    assert answer_to(table_study(), "sums")[1].size == 0


def test_the_explanation_says_what_leaves():
    study = parse(whole("km"))

    said = explain(study)

    assert "Computed: km, from exact sums over all sites, at most 20 rounds." in said
    assert "of sums over patients." in said
    assert most_bytes(study)[1] == 21


def test_a_policy_judges_it_like_any_other_study():
    study = parse(whole("cox"))

    assert tasks_of(study) == ("statistics", "sums")
    rules = {c.rule: c for c in clauses(study, Policy(allowed_recipes=frozenset({"mlp"})))}
    assert not rules["recipe"].passes
    assert not next(
        c for c in clauses(study, Policy(kinds=frozenset({"update"}))) if c.rule == "kind"
    ).passes


def test_a_recipe_is_one_kind_or_the_other():
    with pytest.raises(StudyFileError, match="computed from sums and trains nothing"):
        recipe(parse(whole("cox")).recipe)
    with pytest.raises(StudyFileError, match="no statistical recipe"):
        analysis(table_study().recipe)


def test_columns_of_strata_and_exposure_have_no_coefficient():
    study = study_of(numbers("a") + WARD, TIMED, 'name = "cox"\noptions = { strata = "ward" }')

    assert {s.name: s.shape for s in parameter_schema(study)}["beta"] == (1,)
