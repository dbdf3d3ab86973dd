import pytest

from lenet_study import settings
from lenet_study.settings import tables

SETTINGS = """
[first]
rate = 1.0
loss_arguments = { j = 10.0 }
network_arguments = { c3 = "full" }

[second]
like = "first"
augmentation = "none"
loss_arguments = {}
network_arguments = { output = "softmax" }
"""


def test_a_table_like_another_has_its_settings_and_adds_arguments(
    tmp_path, monkeypatch
):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setattr(settings, "PACKAGE", tmp_path)
    first, second = tables("settings.toml").values()
    assert first["network_arguments"] == {"c3": "full"}
    assert second == {
        "rate": 1.0,
        "augmentation": None,
        "loss_arguments": {},
        "network_arguments": {"c3": "full", "output": "softmax"},
    }


def test_a_table_like_an_unknown_one_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "settings.toml").write_text('[a]\nlike = "b"\n')
    monkeypatch.setattr(settings, "PACKAGE", tmp_path)
    with pytest.raises(KeyError, match="b"):
        tables("settings.toml")
