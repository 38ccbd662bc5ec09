"""A study file is used exactly as written, or every reason why not is told at once."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import StudyFileError
from modelward.simulation.data import STUDIES
from modelward.study.read import from_json, json_schema, parse, read
from modelward.study.template import IMAGES as IMAGES_TEMPLATE
from modelward.study.template import TABLE as TABLE_TEMPLATE
from tests.sequences import STUDY as SEQUENCES
from tests.studies import AVERAGED, IMAGES, TABLE, table_study

VECTOR = Path(__file__).parents[2] / "vectors" / "study"


def faults(text: str) -> list[str]:
    """Return the lines of the error that `text` is refused with."""
    with pytest.raises(StudyFileError) as caught:
        parse(text, file="my.toml")
    assert "modelward study new" in caught.value.remedy
    first, *rest = caught.value.what.splitlines()
    assert first == f"my.toml: {len(rest)} fault" + ("s" if len(rest) > 1 else "")
    return [line.strip() for line in rest]


def changed(old: str, new: str, text: str = TABLE) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            changed("rounds = 8", "ronds = 8"),
            "plan.ronds: there is no such key; did you mean 'rounds'?",
        ),
        (
            changed("rounds = 8", "rounds = 8\nproximal = 0.1"),
            "plan.proximal: there is no such key here; [plan.local] has one",
        ),
        (
            changed("rounds = 8", 'rounds = 8\nstrategy = "FedProx"').replace(
                'strategy = "newton"\n', ""
            ),
            "plan.strategy: input should be 'fedavg', 'newton', 'scaffold', 'fednova',"
            " 'feddyn', 'cyclic', 'fedbuff', 'sums' or 'boosting' (found 'FedProx'); 'FedProx'"
            " is [plan.local] proximal",
        ),
        (
            changed('unit = "a"', 'unti = "a"\nunit = "a"'),
            "features.age.unti: there is no such key; did you mean 'unit'?",
        ),
        (changed('unit = "a"', ""), "features.age.unit: is missing"),
        (changed("rounds = 8", 'rounds = "8"'), "plan.rounds: input should be a valid integer"),
        (changed("rounds = 8", "rounds = 8.5"), "plan.rounds: input should be a valid integer"),
        (changed("rounds = 8", "rounds = 0"), "plan.rounds: input should be greater than"),
        (
            changed("rounds = 8", "rounds = true"),
            "plan.rounds: input should be a valid integer",
        ),
        (
            changed("range = [0, 110]", "range = [110, 0]"),
            "features.age: range must rise, found [110, 0]",
        ),
        (
            changed("range = [0, 110]", "range = [0, inf]"),
            "features.age.range.1: input should be a finite number",
        ),
        (
            changed("range = [0, 110]", "range = [0, 1, 110]"),
            "features.age.range: has 3 entries, and may have 2 at most",
        ),
        (
            changed("l2 = 1.0", "l2 = ['a', 'b']"),
            "recipe.options.l2: input should be true or false, a whole number, a number, text "
            "or a list of whole numbers",
        ),
        (
            changed("range = [0, 110]", "range = [0]"),
            "features.age.range: has 1 entry, and needs more",
        ),
        (
            changed("range = [0, 110]", "range = '0-110'"),
            "features.age.range: is a list: write it in brackets, [...] (found '0-110')",
        ),
        (
            changed('levels = ["medical", "surgical", "other"]', 'levels = ["medical"]'),
            "features.ward.levels: has 1 entry, and needs 2 or more",
        ),
        (
            changed('"surgical", "other"', '"other", "other"'),
            "features.ward: levels must differ from each other",
        ),
        (
            changed('id = "small"', 'id = "Small Study"'),
            "study.id: a name is a small letter, then small letters, digits, - and _, 63 in all"
            " (found 'Small Study'); did you mean 'small_study'?",
        ),
        (
            changed("[features.age]", "[features.AGE]"),
            "features.AGE: a name is a small letter, then small letters, digits, - and _, "
            "63 in all (found 'AGE'); did you mean 'age'?",
        ),
        (
            changed('strategy = "newton"', 'strategy = "neuton"'),
            "plan.strategy: input should be 'fedavg', 'newton', 'scaffold', 'fednova', "
            "'feddyn', 'cyclic', 'fedbuff', 'sums' or 'boosting' (found 'neuton'); "
            "did you mean 'newton'?",
        ),
        (
            changed("rounds = 8", 'rounds = 8\nlr = "0.1"'),
            "plan.lr: input should be a valid number (found '0.1'); "
            "numbers stand without quotes",
        ),
        (
            changed('levels = ["medical", "surgical", "other"]', 'levels = "medical"'),
            "features.ward.levels: is a list: write it in brackets, [...] (found 'medical')",
        ),
        (changed('purpose = "Tell who falls ill"', ""), "study.purpose: is missing"),
        (changed("[recipe]", "[recip]"), "recip: there is no such key; did you mean 'recipe'?"),
        (
            changed('type = "number"', 'type = "nunber"'),
            "features.age.type: there is no type 'nunber'; did you mean 'number'?",
        ),
        (
            TABLE + "\n[target.dead]\ntype = 'boolean'\n",
            "target: has 2 tables, and 1 is the most",
        ),
        (TABLE + "\n[stop]\npatience = 2\n", "stop: target and patience need a metric"),
        (TABLE + "\n[privacy]\nclip = 100.0\n", "privacy.clip: input should be less than"),
        (
            changed("l2 = 1.0", "l3 = 1.0"),
            "recipe.options.l3: there is no such option; valid here: l2",
        ),
        (changed('name = "logistic"', 'name = "logstic"'), "recipe.name: "),
        (changed('name = "logistic"', 'name = "logistic"\nversion = 9'), "recipe.version: "),
    ],
)
def test_a_fault_is_told_with_its_key(text, fault):
    assert [line for line in faults(text) if line.startswith(fault)], faults(text)


def test_one_wrong_strategy_is_one_fault():
    text = changed('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "glm"')

    assert faults(text) == [
        "plan.strategy: 'glm' is computed from sums: set plan.strategy = 'sums'"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (changed("[target.ill]", "[target.age]"), "target.age: the target cannot be a feature"),
        (
            changed('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "mlp"'),
            "plan.strategy: 'newton' is exact for the recipe 'logistic' only: use 'fedavg'",
        ),
        (
            changed('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "trees"'),
            "plan.strategy: 'newton' is exact for the recipe 'logistic' only: use 'boosting'",
        ),
        (
            changed(
                'name = "cnn"\noptions = { channels = [4], groups = 2 }', 'name = "mlp"', IMAGES
            ),
            "recipe.name: 'mlp' reads tables, not images",
        ),
        (
            changed('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "cnn"', AVERAGED),
            "recipe.name: 'cnn' reads images, the features are a table",
        ),
        (
            TABLE + '\n[stop]\nmetric = "auc"\n',
            "stop.metric: 'newton' stops when the coefficients stand still",
        ),
        (
            changed('name = "gru"', 'name = "logistic"', SEQUENCES),
            "recipe.name: 'logistic' reads tables, not sequences",
        ),
        (
            changed("items.visit", "items.readmitted", SEQUENCES),
            "features.course.items.readmitted: another column has this name",
        ),
        (
            changed('unit = "mg/dL"\n', "", SEQUENCES),
            "features.course.items.creatinine: range and unit go together",
        ),
        (
            changed(
                "[features.course]",
                "[features.sex]\ntype = 'boolean'\n[features.course]",
                SEQUENCES,
            ),
            "features: sequence 'course' cannot be joined by others yet",
        ),
        (
            changed("[cohort.index]", "[cohort.all.ill]", SEQUENCES),
            "features.course: window is counted from an index event: write [cohort.index]",
        ),
        (
            changed("SNOMED:44054006", "Patient:age", SEQUENCES),
            "features.course.items.diabetes: what a source knows of the person is "
            "no event with a time",
        ),
        (
            changed("validation = 0.2", "validation = 0.0", AVERAGED),
            "plan.validation: a watched metric needs units held back",
        ),
        (
            changed("test = 0.25", "test = 0.7\nvalidation = 0.4"),
            "plan.test: nothing would be left to train on",
        ),
        (
            TABLE + '\n[sites]\nnames = ["a"]\nminimum = 2\n',
            "sites.minimum: more than the 1 names",
        ),
        (
            IMAGES + '\n[features.other]\ntype = "image"\nsize = [4, 4]\n',
            "features: image 'image' cannot be joined by others yet",
        ),
        (
            IMAGES + '\n[features.age]\ntype = "boolean"\n',
            "recipe.name: 'cnn' reads images, not images with a table",
        ),
    ],
)
def test_keys_that_disagree_are_told(text, fault):
    assert fault in faults(text)


def test_all_faults_are_told_at_once_and_numbered():
    broken = changed("rounds = 8", "ronds = 8\nseed = -1", changed('unit = "a"', ""))

    told = faults(broken)

    assert len(told) == 3
    assert [line.split(":")[0] for line in told] == [
        "features.age.unit",
        "plan.seed",
        "plan.ronds",
    ]


@pytest.mark.parametrize(
    "text", ["[study", "a = 1\na = 2", "a = " + "[" * 5000 + "]" * 5000, "\x00"]
)
def test_text_that_is_not_toml_is_refused(text):
    assert faults(text)[0].startswith("not TOML")


def test_a_file_that_is_not_utf_8_or_not_there_is_refused(tmp_path):
    latin = tmp_path / "latin.toml"
    latin.write_bytes('[study]\npurpose = "Größe"\n'.encode("latin-1"))

    for path in (latin, tmp_path / "absent.toml", tmp_path):
        with pytest.raises(StudyFileError, match="cannot be read") as caught:
            read(path)
        assert str(path) in caught.value.what


@pytest.mark.parametrize("name", ["heart-disease", "pneumonia-cxr"])
def test_the_shipped_studies_are_valid(name):
    assert read(STUDIES / f"{name}.toml").id == name


@pytest.mark.parametrize("text", [TABLE_TEMPLATE, IMAGES_TEMPLATE], ids=["table", "images"])
def test_the_templates_are_valid_as_written(text):
    assert parse(text).study.version == 1


def test_the_hash_of_a_small_study_never_changes():
    study = read(VECTOR / "small.toml")

    assert study.sha256 == (VECTOR / "small.sha256").read_text().strip()
    assert from_json((VECTOR / "small.json").read_bytes()) == study


def test_a_default_that_is_written_out_does_not_change_the_hash():
    assert (
        table_study(TABLE, ("rounds = 8", "rounds = 8\nseed = 0\nmomentum = 0")).sha256
        == table_study().sha256
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("rounds = 8", "rounds = 9"), ("110", "111"), ("ill]", "dead]"), ("l2 = 1.0", "l2 = 2.0")],
)
def test_another_term_is_another_hash(old, new):
    assert table_study(TABLE, (old, new)).sha256 != table_study().sha256


def test_levels_in_another_order_are_another_study():
    swapped = table_study(TABLE, ('"medical", "surgical"', '"surgical", "medical"'))

    assert swapped.sha256 != table_study().sha256


def test_a_stored_study_that_is_damaged_is_refused():
    with pytest.raises(StudyFileError, match="stored study"):
        from_json(b'{"study": 1}')
    with pytest.raises(StudyFileError, match="stored study"):
        from_json(b"not json")


def test_the_json_schema_names_every_table_and_refuses_others():
    schema = json_schema()

    assert set(schema["properties"]) == {
        "study", "cohort", "features", "target", "recipe", "plan", "stop", "privacy", "sites",
        "sharing", "report", "evaluation",
    }  # fmt: skip
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["study", "features", "target", "recipe"]
    assert json.dumps(schema)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TABLE + "\n[report]\nbins = 21\n", "bins must be even"),
        (TABLE + "\n[report]\ndecimals = 6\n", "decimals"),
        (TABLE.replace("test = 0.25", "test = 0.0") + "\n[report]\n", "needs units held back"),
        (TABLE + "\n[report]\ngroups = true\n", "named in .evaluation. groups"),
        (TABLE + "\n[report]\ngroups = false\n", "groups"),
    ],
)
def test_a_report_that_cannot_be_told_is_refused_with_the_reason(text, why):
    with pytest.raises(StudyFileError, match=why):
        parse(text)


def test_a_report_is_agreed_on_with_the_study_and_leaves_no_trace_where_it_is_absent():
    agreed = parse(TABLE + "\n[report]\n")

    assert (agreed.report.bins, agreed.report.decimals) == (100, 3)  # type: ignore[union-attr]
    assert agreed.sha256 != parse(TABLE).sha256
    assert "report" not in parse(TABLE).model_dump(mode="json")
    assert agreed.model_dump(mode="json")["report"] == {"bins": 100, "decimals": 3}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    with suppress(StudyFileError):
        parse(text)


@given(st.integers(0, len(TABLE) - 1), st.characters(exclude_categories=["Cs"]))
def test_any_slip_of_the_pen_is_read_or_refused_and_nothing_else(place, character):
    with suppress(StudyFileError):
        parse(TABLE[:place] + character + TABLE[place + 1 :])


def test_masks_do_not_go_with_rules_that_compare_updates_or_with_two_sites():
    masked = '\n[privacy]\naggregation = "secagg"\n'
    robust = '\n[plan.robust]\nrule = "median"\n'

    found = "\n".join(faults(AVERAGED + masked + robust))

    assert "privacy.aggregation: a rule of [plan.robust] compares updates" in found
    assert "sites.minimum: a masked sum has 3 sites or more" in found


def test_a_study_without_masks_has_no_trace_of_them_in_its_hash():
    assert "aggregation" not in parse(AVERAGED).model_dump(mode="json")["privacy"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[privacy.dp]\nepsilon = 3.0\nclib = 1.0", "privacy.dp.clib: .* did you mean 'clip'"),
        ("[plan.local]\nstepps = 3", "plan.local.stepps: .* did you mean 'steps'"),
        (
            "[privacy.dp]\nepsilon = 3.0\n[evaluation.without_dp]\nbacth = 3",
            "evaluation.without_dp.bacth: .* 'batch'",
        ),
        (
            '[privacy.dp]\nepsilon = 3.0\nunit = "image"',
            "privacy.dp.unit: the study counts a patient: bound a patient$",
        ),
    ],
)
def test_a_slip_in_an_optional_table_is_answered_with_what_is_valid_there(table, says):
    (found,) = faults(f"{AVERAGED}\n{table}\n")

    assert re.match(says, found)


TOO_FEW = "sites.minimum: more than the 2 names"


@pytest.mark.parametrize(
    ("broken", "beside"),
    [
        ('[plan]\nlr = "fast"', 2),
        ("[plan]\nrouns = 3", 2),
        ("[study]\nmin_patients = 0", 2),
        ("[recipe]\nversion = -1", 2),
        ("[sites]\nminimum = 0", 1),  # the one that the other is about
        ("[sites]\nminimun = 3", 1),
        ("[sites]\nnames = ['Not A Name', 'south']", 1),
        ("[plan]\nwhatever = 1", 1),  # nobody knows what was meant
    ],
)
def test_a_fault_of_meaning_is_told_beside_one_of_shape_that_it_does_not_hang_on(
    broken, beside
):
    table, line = broken.split("\n")
    text = f"{AVERAGED}\n[sites]\nnames = ['north', 'south']\nminimum = 3\n"
    key = line.partition(" ")[0]
    if table == "[sites]" and key in {"minimum", "names"}:
        text = re.sub(rf"^{key} = .*$", line, text, flags=re.MULTILINE)
    else:
        text = re.sub(rf"^{key} = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace(table, f"{table}\n{line}", 1)

    found = faults(text)

    assert len(found) == beside
    assert key in found[0]
    assert (TOO_FEW in found) == (beside > 1)


def test_a_check_of_a_whole_table_says_what_does_not_hang_on_the_broken_key():
    text = re.sub(r"(?m)^(lr|validation|test) = .*\n", "", AVERAGED)
    text = text.replace("[plan]", "[plan]\nvalidation = 0.4\ntest = 0.7\nlr = 'fast'")

    assert faults(text) == [
        "plan.lr: input should be a valid number (found 'fast')",
        "plan.test: nothing would be left to train on",
    ]


WHOLE = f"""{AVERAGED}
[plan.uplink]
codec = "int8"
range = 0.1
max_patients = 200
[plan.server]
name = "adam"
lr = 0.01
[plan.local]
steps = 5
[privacy]
clip = 2.0
aggregation = "grouped"
[privacy.dp]
epsilon = 3.0
clip = 1.0
sampling = 0.1
[sites]
minimum = 20
[report]
bins = 20
groups = true
[evaluation]
groups = ["smoker", "age:[18,40,110]"]
margin = 0.05
threshold = "sensitivity"
at_least = 0.9
[evaluation.without_dp]
lr = 0.1
[sharing]
rule = "equal"
"""
"""A study with nearly every table."""

KEYS = [
    (text, number)
    for text in (TABLE, AVERAGED, IMAGES, SEQUENCES, WHOLE)
    for number, line in enumerate(text.splitlines())
    if re.match(r"^\w+ = ", line)
]


def test_the_study_with_nearly_every_table_is_sound():
    parse(WHOLE)


@pytest.mark.parametrize("slip", ["value", "key"])
def test_whatever_one_key_of_a_sound_study_becomes_no_fault_is_made_up_beside_it(slip):
    for text, number in KEYS:
        lines = text.splitlines()
        key, _, value = lines[number].partition(" = ")
        wrong = "[[1, 2], {}]" if slip == "value" else value
        lines[number] = f"{key}{'x' * (slip == 'key')} = {wrong}"

        found = faults("\n".join(lines))

        assert all(key in each for each in found), (lines[number], found)
