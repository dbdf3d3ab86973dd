import re

import pandas as pd
import pytest

from lenet_keras.experiments import choices as module
from lenet_keras.recipes import RECIPES


def test_each_candidate_changes_one_thing_of_a_recommended_recipe():
    assert list(module.TRIED) == [
        "lenet5-cifar10",
        "lenet5_modern-mnist",
        "lenet5_modern-cifar10",
    ]
    for name, candidate in module.CANDIDATES.items():
        recommended = vars(RECIPES[name.split(", ")[0]])
        changed = {
            attribute
            for attribute, value in vars(candidate).items()
            if value != recommended[attribute]
        }
        assert len(changed) == 1, name


def test_all_are_tried_on_held_out_images_of_their_own_data_set(monkeypatch, tmp_path):
    asked = {}

    def sweep(units, output, do, workers):
        asked.update(units=units, output=output, workers=workers)
        assert do is module.run_candidate
        rows = [(u.recipe, "done", 0.9 - place / 100) for place, u in enumerate(units)]
        return pd.DataFrame(rows, columns=["recipe", "status", "held_out_accuracy"])

    monkeypatch.setattr(module, "sweep", sweep)
    runs = module.choices(tmp_path, passes=4, workers=1)
    assert len(runs) == len(asked["units"])
    text = (tmp_path / "choices.md").read_text(encoding="utf-8")
    lines = [re.sub(" *[|] *", "|", line) for line in text.splitlines()]
    # Errors of 10, 11, ... %: eight units of the first recipe, seven of the second.
    assert lines[0] == f"|held-out error, %|{'|'.join(module.TRIED)}|"
    assert lines[2] == "|as recommended|10.00|18.00|25.00|"
    assert lines[3] == "|not augmented|11.00||26.00|"
    assert lines[-1] == "|pixels from 0 to 1|||30.00|"
    assert len(lines) == 2 + 1 + 11
    assert {(unit.held_out, unit.passes, unit.seed) for unit in asked["units"]} == {
        (10_000, 4, 0)
    }
    assert len(asked["units"]) == len(module.TRIED) + len(module.CANDIDATES)
    assert len({unit.name for unit in asked["units"]}) == len(asked["units"])
    for unit in asked["units"]:
        assert unit.dataset in unit.recipe


def test_it_is_refused_when_a_run_is_missing(monkeypatch, tmp_path):
    runs = pd.DataFrame({"status": ["done"] * 19 + ["diverged"]})
    monkeypatch.setattr(module, "sweep", lambda *args, **where: runs)
    with pytest.raises(RuntimeError) as error:
        module.choices(tmp_path)
    stated = f"Expected all 21 runs to be done. Received: 19 in {tmp_path}"
    assert str(error.value) == stated
    assert not (tmp_path / "choices.md").exists()


def test_a_candidates_result_has_a_plain_file_name():
    names = {module.grid([name], ["mnist"], [0])[0].name for name in module.CANDIDATES}
    assert len(names) == len(module.CANDIDATES)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
