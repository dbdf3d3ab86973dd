import re

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
        return "rows"

    monkeypatch.setattr(module, "sweep", sweep)
    assert module.choices(tmp_path, passes=4, workers=1) == "rows"
    assert {(unit.held_out, unit.passes, unit.seed) for unit in asked["units"]} == {
        (10_000, 4, 0)
    }
    assert len(asked["units"]) == len(module.TRIED) + len(module.CANDIDATES)
    assert len({unit.name for unit in asked["units"]}) == len(asked["units"])
    for unit in asked["units"]:
        assert unit.dataset in unit.recipe


def test_a_candidates_result_has_a_plain_file_name():
    names = {module.grid([name], ["mnist"], [0])[0].name for name in module.CANDIDATES}
    assert len(names) == len(module.CANDIDATES)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
