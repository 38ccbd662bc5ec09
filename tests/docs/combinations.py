"""Which way of training goes with which rule, bound or mask: one table, asked of the code.

Every pair is a study file; what the reader of study files says of it is the cell. So the table
cannot say anything else than `modelward study check` does. tests/flow/test_combinations.py
runs what the table says works.
"""

from dataclasses import dataclass, replace

from modelward.errors import StudyFileError
from modelward.study.read import parse

BASE = """
[study]
id = "together"
purpose = "Tell who falls ill"
min_patients = 5
{features}
[target.ill]
type = "boolean"
[recipe]
{recipe}
[plan]
rounds = 2
batch = 32
validation = 0.2
test = 0.25
{plan}
[privacy]
{privacy}
{tables}
[sites]
minimum = {sites}
"""

COLUMNS = """
[features.age]
type = "number"
unit = "a"
range = [0, 110]
[features.smoker]
type = "boolean"
"""

PICTURES = """
[features.image]
type = "image"
size = [12, 12]
"""

LOGISTIC, MLP = 'name = "logistic"', 'name = "mlp"\noptions = { hidden = [4] }'
TREES = 'name = "trees"\noptions = { trees = 2, depth = 1, bins = 4 }'
ALL = "EVERY_SITE"
"""Stands for the number of sites."""

UPLINK = "[plan.uplink]"
SECAGG = 'aggregation = "secagg"'
CNN = 'name = "cnn"\noptions = { channels = [4], groups = 2 }'


@dataclass(frozen=True)
class Way:
    """One way of training: what it adds to `[plan]`, its tables, and what is trained.

    `privacy` is how it is summed where the column does not say.
    """

    plan: str = ""
    tables: str = ""
    recipe: str = LOGISTIC
    privacy: str = ""


def _personal(kind: str, recipe: str = MLP) -> Way:
    return Way(tables=f'[plan.personal]\nkind = "{kind}"', recipe=recipe)


def _coded(codec: str, more: str = "") -> Way:
    return Way(tables=f'{UPLINK}\ncodec = "{codec}"\n{more}')


def _gridded(codec: str, more: str = "") -> Way:
    """Return a code on the grid that all sites share, which masked sums need."""
    grid = f"range = 0.5\nmax_patients = 200\n{more}"
    return replace(_coded(codec, grid), privacy=SECAGG)


WAYS = {
    "fedavg": Way(),
    "fedavg, momentum at the hub": Way(tables='[plan.server]\nname = "momentum"'),
    "fedavg, Adam at the hub": Way(tables='[plan.server]\nname = "adam"'),
    "fedprox": Way(tables="[plan.local]\nproximal = 0.1"),
    "equal steps": Way(tables="[plan.local]\nsteps = 3"),
    "sharpness": Way(tables="[plan.local]\nsharpness = 0.05"),
    "memory at the sites": Way(tables="[plan.local]\nmemory = 0.5"),
    "logit adjustment": Way(plan='label_skew = "logit-adjustment"'),
    "class weights": Way(plan='label_skew = "class-weights"'),
    "scaffold": Way(plan='strategy = "scaffold"'),
    "scaffold, equal steps": Way(
        plan='strategy = "scaffold"', tables="[plan.local]\nsteps = 3"
    ),
    "fednova": Way(plan='strategy = "fednova"'),
    "feddyn": Way(plan='strategy = "feddyn"'),
    "cyclic": Way(plan='strategy = "cyclic"'),
    "fedbuff": Way(plan='strategy = "fedbuff"', tables=f"[plan.buffer]\nsize = {ALL}"),
    "boosting": Way(plan='strategy = "boosting"', recipe=TREES),
    "newton": Way(plan='strategy = "newton"'),
    "own: fine-tune": _personal("fine-tune"),
    "own: ditto": _personal("ditto"),
    "own: apfl": _personal("apfl"),
    "own: head": _personal("head"),
    "own: head-first": _personal("head-first"),
    "own: norms": _personal("norms", CNN),
    "uplink: bf16": _coded("bf16"),
    "uplink: int8": _coded("int8"),
    "uplink: int8, packed": _coded("int8", "packed = true"),
    "uplink: int4": _coded("int4"),
    "uplink: top-k": _coded("top-k"),
    "`secagg`, uplink: int8 on one grid": _gridded("int8"),
    "`secagg`, uplink: int8, 12 steps, on one grid": _gridded("int8", "levels = 12"),
    "`secagg`, uplink: int4 on one grid": _gridded("int4"),
    "a rule against wrong sites": Way(tables="[plan.robust]\nbyzantine = 1"),
    "shares by contribution": Way(tables='[sharing]\nrule = "contribution"'),
}
"""Rows of the table."""


@dataclass(frozen=True)
class Beside:
    """What a way is put together with."""

    privacy: str = ""
    tables: str = ""
    sites: int = 3


BESIDE = {
    "`[plan.robust]`": Beside(tables="[plan.robust]\nbyzantine = 1"),
    "`[privacy.dp]`": Beside(tables="[privacy.dp]\nepsilon = 3.0"),
    "`secagg`": Beside(privacy=SECAGG),
    "`grouped`": Beside(privacy='aggregation = "grouped"', sites=20),
    "`[plan.uplink]`": Beside(tables=f'{UPLINK}\ncodec = "int8"'),
    "shares by contribution": Beside(tables='[sharing]\nrule = "contribution"'),
}
"""Columns of the table."""

INTRO = """\
# What goes together

Written from the code by `make reference`; do not edit. Each cell is what `study check` says
of a study with both: *yes*, or the reason why not. `tests/flow/test_combinations.py` runs
every *yes* and holds every reason against what the mathematics says.
"""


def text_of(way: str, beside: str = "") -> str:
    """Return the study file of a pair; of the way alone if `beside` is ""."""
    mine, other = WAYS[way], BESIDE[beside] if beside else Beside()
    text = BASE.format(
        features=PICTURES if mine.recipe == CNN else COLUMNS,
        recipe=mine.recipe,
        plan=mine.plan,
        privacy=other.privacy or mine.privacy,
        tables=f"{mine.tables}\n{other.tables}",
        sites=other.sites,
    )
    return text.replace(ALL, str(other.sites))


def _apart(way: str, beside: str) -> bool:
    """Return whether the two are not one table of the study twice."""
    title = BESIDE[beside].tables.partition("\n")[0]
    if BESIDE[beside].privacy and BESIDE[beside].privacy == WAYS[way].privacy:
        return False
    return not title or title not in WAYS[way].tables


PAIRS = [(way, each) for way in WAYS for each in BESIDE if _apart(way, each)]
"""Cells of the table; a rule beside a rule is none."""


def refused(way: str, beside: str) -> str:
    """Return why a pair does not go together; "" if it does."""
    try:
        parse(text_of(way, beside))
    except StudyFileError as error:
        faults = error.what.splitlines()[1:] or [error.what]
        return "; ".join(line.partition(": ")[2].strip() or line.strip() for line in faults)
    return ""


def combinations_page() -> str:
    """Return docs/reference/combinations.md."""
    lines = [INTRO, f"| | {' | '.join(BESIDE)} |", "|---" * (len(BESIDE) + 1) + "|"]
    for way in WAYS:
        lines.append(f"| {way} | {' | '.join(_cell(way, each) for each in BESIDE)} |")
    return "\n".join(lines) + "\n"


def _cell(way: str, beside: str) -> str:
    if (way, beside) not in PAIRS:
        return "the same"
    return f"no: {why}" if (why := refused(way, beside)) else "yes"
