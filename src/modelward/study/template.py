"""A commented study file to start from; it is valid as written (a test reads it)."""

from pathlib import Path

from modelward import durable
from modelward.errors import StudyFileError

TABLE = """\
# A study: written once, signed by every hospital, changed by nobody.
# Check it:  modelward study check study.toml
# Try it:    modelward study simulate study.toml --data patients.csv --by hospital

[study]
id = "readmission"                # short name: a-z, 0-9, - and _
version = 1
purpose = "Predict unplanned readmission within 30 days of discharge"
legal_basis = ""                  # such as "GDPR Art. 9(2)(j), ethics vote 24-117"
contact = ""                      # who answers a hospital's questions
unit = "patient"                  # who is counted: patient, encounter or image
min_patients = 20                 # a site with fewer in training sits out

[cohort]
complete = false                  # true: only patients with every feature known

# One table for every feature. Numbers need a unit (UCUM) and a plausible range;
# values outside the range count as missing.
[features.age]
type = "number"
unit = "a"                        # UCUM: a is years
range = [18, 110]

[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
code = ["LOINC:2160-0"]
pick = "last"                     # where a record holds several: first, min, max, mean, count
molar_mass = 113.12               # g/mol: sites that measure umol/L are converted
max_missing = 0.3                 # a site with more missing than this is told so

[features.diabetes]
type = "boolean"                  # 1/0, true/false, yes/no

[features.ward]
type = "category"                 # the first level is the reference
levels = ["medical", "surgical", "other"]

[target.readmitted]
type = "boolean"                  # or: above = 0, for a number

[recipe]
name = "logistic"                 # the others: modelward recipes
options = { l2 = 1.0 }

[plan]
strategy = "newton"               # exact for logistic; "fedavg" averages local training
rounds = 25
seed = 0
test = 0.25                       # share of patients held back for the report
# quorum = 3                      # releases a round needs; every site if absent
# deadline_s = 600.0              # seconds a round waits for a silent site

[stop]
tolerance = 1e-9                  # newton: done when no coefficient moves further

[privacy]
clip = 10.0                       # longest update (L2 norm) that a site sends
# aggregation = "secagg"          # the hub sees sums only; needs [sites] minimum = 3 or more;
                                  # "grouped": sums over groups of four or more of 20 sites
# Differential privacy; needs strategy = "fedavg". See: modelward study plan
# [privacy.dp]
# epsilon = 3.0                   # most that all rounds tell about one patient at one site
# delta = 1e-5                    # at most 1 / (10 * patients of the smallest site)
# unit = "patient"                # whom the bound holds for, with all of their rows
# sampling = 0.1                  # probability that a patient is in a step
# clip = 1.0                      # L2 norm of one patient's gradient in one step

[sites]
minimum = 2                       # fewer sites than this and nothing starts

# What sites tell of their test patients at the end, so that a deployed hub can report
# [report]
# bins = 100                      # of predicted probability, for counts by outcome
# decimals = 3                    # of AUC, Brier score, calibration and their intervals
"""

IMAGES = """\
# A study on grey images: a NumPy archive with `images` uint8 [n, height, width] and
# `labels` [n] of 0 or 1 at every site.
# Check it:  modelward study check study.toml
# Try it:    modelward study simulate study.toml --data images.npz --sites 5 --alpha 0.5

[study]
id = "opacity-cxr"
purpose = "Tell whether a chest X-ray shows an opacity"
unit = "image"                    # patient, if every patient has one image
min_patients = 20

[features.image]
type = "image"
modality = "CR"
size = [28, 28]                   # [height, width]
intensity = [0, 255]              # pixel values that become -1 and +1

[target.opacity]
type = "boolean"

[recipe]
name = "cnn"

[plan]
strategy = "fedavg"
rounds = 20
local_epochs = 1
batch = 32
lr = 0.05
momentum = 0.9
schedule = "cosine"
label_skew = "logit-adjustment"   # corrects for each site's own share of positives
seed = 0
validation = 0.1                  # share of images held back to choose the round
test = 0.2

[stop]
metric = "loss"                   # watched on validation: the best round is kept
# target = 0.95                   # stop when it is reached
# patience = 5                    # stop after as many rounds without a better value
"""


def write_template(path: Path, *, images: bool) -> None:
    """Write a template to `path`.

    Raises:
        StudyFileError: If there is a file already; it is not touched.
    """
    if path.exists():
        raise StudyFileError(
            f"{path} exists",
            why="a template never replaces what somebody wrote",
            remedy="give another file name, or move the file away first",
        )
    durable.write_whole(path, (IMAGES if images else TABLE).encode())
