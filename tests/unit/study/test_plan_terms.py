"""Parts of a plan that do not go together are refused, each with the reason."""

import pytest

from modelward.errors import StudyFileError
from modelward.study.explain import explain
from modelward.study.read import parse
from tests.federations import TOY, toy

DP = "\n[privacy.dp]\nepsilon = 3.0\n"
MASKS = '\naggregation = "secagg"\n'


def plan(*lines: str, tables: str = "", privacy: str = "") -> str:
    text = TOY.replace("[plan]", "\n".join(["[plan]", *lines]))
    text = text.replace("minimum = 1", "minimum = 3")
    return text.replace("clip = 64.0", f"clip = 64.0{privacy}") + tables


def grown(tables: str) -> str:
    text = plan('strategy = "boosting"', tables=tables)
    return text.replace('"logistic"', '"trees"').replace("l2 = 0.0", "depth = 2")


REFUSED = {
    "a robust rule": (
        plan('strategy = "scaffold"', tables="\n[plan.robust]\n"), "judges plain updates"),
    "a server optimiser": (
        plan('strategy = "feddyn"', tables='\n[plan.server]\nname = "adam"\n'),
        "makes the hub's step itself"),
    "a quorum": (plan('strategy = "scaffold"', "quorum = 3"), "only if no answer is left out"),
    "momentum": (plan('strategy = "scaffold"', "momentum = 0.9"), "off plain steps"),
    "fednova under dp": (
        plan('strategy = "fednova"', tables=DP), "all sites make equally many steps"),
    "fednova behind masks": (
        plan('strategy = "fednova"', privacy=MASKS), "masks hide each update"),
    "scaffold behind masks": (plan('strategy = "scaffold"', privacy=MASKS), "set local.steps"),
    "cyclic behind masks": (
        plan('strategy = "cyclic"', privacy=MASKS), "a sum over one hides nothing"),
    "a climb under dp": (
        plan(tables=DP + "\n[plan.local]\nsharpness = 0.1\n"), "a second time, without noise"),
    "alpha for nobody": (
        plan(tables="\n[plan.local]\nalpha = 0.1\n"), "only strategy = 'feddyn'"),
    "a memory of controls": (
        plan('strategy = "scaffold"', tables="\n[plan.local]\nmemory = 0.9\n"),
        "what its round alone was"),
    "a pull that overshoots": (
        plan(tables="\n[plan.local]\nproximal = 3.0\n"), "or steps overshoot"),
    "apfl under dp": (
        plan(tables=DP + '\n[plan.personal]\nkind = "apfl"\n'), "between the noised ones"),
    "norms without any": (
        plan(tables='\n[plan.personal]\nkind = "norms"\n'), "no such layers"),
    "a key that is not read": (
        plan(tables='\n[plan.personal]\nkind = "head"\npull = 0.1\n'), "reads it"),
    "steps of another code": (
        plan(tables='\n[plan.uplink]\ncodec = "int4"\nlevels = 31\n'), "only codec = 'int8'"),
    "fine-tuning blind": (
        plan(tables='\n[plan.personal]\nkind = "fine-tune"\n'), "held-out stopping needs"),
    "fedbuff without a buffer": (plan('strategy = "fedbuff"'), "has one"),
    "a buffer for nobody": (
        plan(tables="\n[plan.buffer]\nsize = 3\n"), "no other strategy does"),
    "fedbuff behind masks": (
        plan('strategy = "fedbuff"', tables="\n[plan.buffer]\nsize = 3\n", privacy=MASKS),
        "masks need a round's roster first"),
    "a buffer of fewer than take part": (
        plan('strategy = "fedbuff"', tables="\n[plan.buffer]\nsize = 2\n"),
        "below sites.minimum"),
    "a buffer that is watched": (
        plan('strategy = "fedbuff"', "validation = 0.2", tables="\n[plan.buffer]\nsize = 3\n"
             '[stop]\nmetric = "auc"\n'),
        "waits for none"),
    "a buffer against wrong sites": (
        plan('strategy = "fedbuff"', tables="\n[plan.buffer]\nsize = 3\n[plan.robust]\n"),
        "judges plain updates"),
    "boosting another recipe": (plan('strategy = "boosting"'), "grows the recipe 'trees'"),
    "trees by averaging": (plan().replace('"logistic"', '"trees"').replace("l2 = 0.0", ""),
        "nothing else does"),
    "trees under dp": (grown(DP), "histograms carry no noise"),
    "trees against wrong sites": (grown("\n[plan.robust]\n"), "these are sums"),
    "trees with a code": (grown('\n[plan.uplink]\ncodec = "int8"\n'), "would round them"),
    "trees with steps": (grown("\n[plan.local]\nsteps = 3\n"), "makes no local steps"),
    "trees with a rate of the hub": (
        grown('\n[plan.server]\nname = "adam"\n'), "recipe.options.rate"),
    "personal scaffold": (
        plan('strategy = "scaffold"', tables='\n[plan.personal]\nkind = "ditto"\n'),
        "use strategy = 'fedavg'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused_with_the_reason(name):
    text, says = REFUSED[name]

    with pytest.raises(StudyFileError, match=says):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        plan('strategy = "scaffold"', tables=DP),
        plan('strategy = "feddyn"', tables=DP),
        plan('strategy = "feddyn"', privacy=MASKS),
        plan('strategy = "scaffold"', tables="\n[plan.local]\nsteps = 4\n", privacy=MASKS),
        plan('strategy = "cyclic"', tables=DP),
        plan(tables="\n[plan.robust]\n[plan.local]\nsharpness = 0.1\nproximal = 0.1\n"),
        plan(tables='\n[plan.robust]\n[plan.personal]\nkind = "apfl"\n'),
        plan('label_skew = "class-weights"', tables=DP),
        plan(tables="\n[plan.robust]\n[plan.local]\nmemory = 0.9\n"),
        plan(tables=DP + "\n[plan.local]\nmemory = 0.9\n"),
        plan(tables="\n[plan.local]\nmemory = 0.9\n", privacy=MASKS),
    ],
)
def test_what_the_mathematics_allow_is_allowed(text):
    parse(text)


def test_absent_tables_leave_no_trace():
    dumped = toy().model_dump(mode="json")

    assert not {"local", "personal"} & set(dumped["plan"])


def test_the_explanation_says_what_stays_at_the_site():
    said = explain(toy(more='[plan.personal]\nkind = "head"\n[plan.local]\nproximal = 0.1\n'))

    assert "A site's own: the last layer (FedPer). It is sent to nobody." in said
    assert "Kept at a site between rounds, and sent to nobody: 4 bytes of layers." in said
    assert "Leaves a site each round: 8 bytes" in said
    assert "pulled to the round's model (FedProx, 0.1)" in said


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (1, "Of 3 sites, 1 whose update is refused or missing stops the study"),
        (16, "Of 40 sites, 8 whose updates are refused or missing stop the study"),
        (13, None),
    ],
)
def test_a_rule_that_refused_updates_can_stop_is_warned_of_before_it_is_signed(told, says):
    text = plan(tables=f"\n[plan.robust]\nbyzantine = {told}\n")
    study = parse(text.replace("minimum = 3", f"minimum = {3 if told == 1 else 40}"))

    said = explain(study)

    assert (says in said) if says else ("Warning" not in said)


def test_a_memory_is_said_and_stays_at_the_site():
    said = explain(toy(more="[plan.local]\nmemory = 0.9\n"))

    assert "90% of a site's last answer in its next (momentum at the sites)" in said
    assert "Kept at a site between rounds, and sent to nobody: 12 bytes of memory." in said
