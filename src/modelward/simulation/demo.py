"""The two studies that `modelward demo` runs, each on public data that are shipped."""

from pathlib import Path

from modelward import durable
from modelward.core.study import Plan, ServerOptimiser, Study
from modelward.simulation import data
from modelward.simulation.background import Background
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Simulation
from modelward.simulation.training import Wire
from modelward.study.read import parse

FLAMBY = "FLamby, du Terrail et al. 2022 (z-scores per hospital)"

HEART = Background(
    source="UCI Heart Disease, Janosi, Steinbrunn, Pfisterer, Detrano 1988",
    licence="CC BY 4.0",
    simulated=False,
    labels={"fedavg-sgd": "FedAvg, local SGD", "fedavg-adam": "FedAvg, Adam at the hub"},
    notes=(
        "Four real hospitals; the 740 patients without a missing feature and the train and "
        "test folds of FLamby's Fed-Heart-Disease, rebuilt from its description.",
        "Cholesterol 0 stands for missing in Switzerland and in part of VA; FLamby keeps it "
        "as a number, and so does this study.",
        "Scaling uses global z-scores from federated sums; FLamby's published figures use "
        "z-scores per hospital.",
        "fedavg-sgd and fedavg-adam train the same model by local epochs; their settings "
        "were fixed beforehand, as there is no validation fold to choose them on.",
    ),
    published=(
        ("FedAvg", "accuracy", 0.748, FLAMBY),
        ("best strategy (FedAdam, FedYogi, ...)", "accuracy", 0.785, FLAMBY),
    ),
)

PNEUMONIA = Background(
    source="PneumoniaMNIST (Yang et al. 2023; Kermany et al. 2018), 28x28 pixels",
    licence="CC BY 4.0",
    simulated=True,
    labels={"plain-fedavg": "FedAvg without adjustment"},
    notes=(
        "The hospitals are simulated: each class is dealt in shares drawn from "
        "Dirichlet(0.5), the same shares in training, validation and test, drawn anew "
        "until every hospital has at least 20 training images of each class.",
        "The file has no patient key, so images are counted; a child with several images "
        "may be on both sides of the official split.",
        "plain-fedavg is the same study without the correction for label skew.",
    ),
    published=(
        ("ResNet-18, pooled", "auc", 0.944, "Yang et al. 2023, 28x28 pixels"),
        ("ResNet-18, pooled", "accuracy", 0.854, "Yang et al. 2023, 28x28 pixels"),
    ),
)


def demonstration(
    name: str, out: Path, *, seed: int, workers: int | None, wire: Wire = "inprocess"
) -> Simulation:
    """Return the demo study `name` as a simulation in the folder `out`.

    Args:
        name: `heart-disease` or `pneumonia-cxr`.
        out: Folder of the run; the data file is written beside it.
        seed: Of dealing, start and batches.
        workers: Processes; one per core if None.
        wire: How hub and sites talk.
    """
    durable.make_folder(out.parent)
    study = _seeded(_shipped(name), seed)
    if name == "heart-disease":
        table = out.parent / "heart-disease.csv"
        data.write_heart(table)
        return Simulation(
            study=study,
            data=table,
            dealing=Dealing(by="hospital"),
            special=Special(split="split"),
            out=out,
            workers=workers,
            wire=wire,
            variants=_heart_variants(study),
            background=HEART,
        )
    archive = out.parent / "pneumonia-cxr.npz"
    data.write_pneumonia(archive)
    return Simulation(
        study=study,
        data=archive,
        dealing=Dealing(sites=5, alpha=0.5),
        out=out,
        workers=workers,
        wire=wire,
        variants={"plain-fedavg": _with_plan(study, label_skew="none")},
        background=PNEUMONIA,
    )


def _heart_variants(study: Study) -> dict[str, Study]:
    """Return federated averaging with a plain hub and with Adam at the hub."""
    local = Plan(
        strategy="fedavg",
        rounds=30,
        local_epochs=1,
        batch=16,
        lr=0.05,
        seed=study.plan.seed,
        test=study.plan.test,
    )
    adam = local.model_copy(update={"server": ServerOptimiser(name="adam", lr=0.05)})
    return {
        "fedavg-sgd": study.model_copy(update={"plan": local}),
        "fedavg-adam": study.model_copy(update={"plan": adam}),
    }


def _shipped(name: str) -> Study:
    path = data.STUDIES / f"{name}.toml"
    return parse(path.read_text("utf-8"), file=path.name)


def _seeded(study: Study, seed: int) -> Study:
    return _with_plan(study, seed=seed)


def _with_plan(study: Study, **changes: object) -> Study:
    return study.model_copy(update={"plan": study.plan.model_copy(update=changes)})
