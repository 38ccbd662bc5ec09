"""Five hospitals with five kinds of data in one study, through the command line."""

import json

from tests.command import modelward
from tests.kinds import KINDS, STUDY, patients, write_site


def test_a_study_runs_over_five_kinds_of_data_and_over_one_kind_to_the_same_model(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    people = {kind: patients(200, seed) for seed, kind in enumerate(KINDS, start=1)}
    for kind in KINDS:
        write_site(tmp_path / "five" / kind, kind, people[kind])
        write_site(tmp_path / "one" / kind, "meds", people[kind])

    models = []
    for data in ("five", "one"):
        ended = modelward(
            "study", "simulate", "study.toml", "--data", data, "--out", f"{data}-run",
            "--workers", 1, "--json", cwd=tmp_path,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        models.append(json.loads(ended.stdout))

    assert sorted(models[0]["sites"]) == sorted(KINDS)
    assert models[0]["federated"] > 0.55
    assert models[0]["ledger"]["verified"]
    # The wide table keeps its patients in another order; sums are integers, so no bit differs.
    assert models[0]["model_sha256"] == models[1]["model_sha256"]


def test_a_folder_without_sites_is_refused(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad" / "Big Site").mkdir(parents=True)
    (tmp_path / "bad" / "Big Site" / "dataset.toml").write_text("")

    for data, says in (("empty", "holds no folder"), ("bad", "Big Site: is no name of a site")):
        ended = modelward("study", "simulate", "study.toml", "--data", data, cwd=tmp_path)
        assert ended.returncode == 6
        assert says in ended.stderr


def test_the_command_checks_a_site_and_says_so_by_its_exit_code(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    file = write_site(tmp_path / "site", "rows", patients(150))

    ready = modelward("data", "check", file, "--study", "study.toml", cwd=tmp_path)
    preview = modelward("data", "preview", file, "--study", "study.toml", cwd=tmp_path)
    file.write_text(file.read_text().replace('"Créatinine"', '"Creat"'))
    broken = modelward("data", "check", file, "--study", "study.toml", "--json", "--html",
                       "out.html", cwd=tmp_path)  # fmt: skip

    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert ready.stdout.endswith("READY\n")
    assert "creatinine" in preview.stdout.splitlines()[0]
    assert broken.returncode == 3
    assert json.loads(broken.stdout)["ready"] is False
    assert "NOT READY" in (tmp_path / "out.html").read_text()
