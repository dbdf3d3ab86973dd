"""The scripts of the benchmarks, the page with their tables, and what runs them."""

import re
import runpy
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
PAGE = FOLDER / "README.md"
TEXTS = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.py")}
SCRIPTS = {name for name, text in TEXTS.items() if "__main__" in text}
BEGIN, END = "<!-- begin table -->", "<!-- end table -->"


def test_make_runs_each_script_and_ci_runs_make():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    line = r"^\t\$\(BIN\)/python benchmarks/(\w+)\.py \$\(ARGS\)$"
    assert sorted(re.findall(line, makefile, re.MULTILINE)) == sorted(SCRIPTS)
    assert "make benchmark ARGS=--tiny" in (ROOT / ".ci/run").read_text("utf-8")


def test_each_table_belongs_to_a_script_and_each_script_has_a_table():
    markers = re.findall(r"^<!-- (begin|end) (\S+) -->$", PAGE.read_text("utf-8"), re.M)
    names = [name for _, name in markers[::2]]
    in_pairs = [(word, name) for name in names for word in ("begin", "end")]
    assert markers == in_pairs
    assert len(set(names)) == len(names)
    assert {name.split("/")[0] for name in names} == SCRIPTS
    for name in SCRIPTS:
        assert re.search(rf'publish\(f?"{name}["/]', TEXTS[name])


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Publishes a table, and returns a page of its own before and after that."""

    def publish(*arguments):
        monkeypatch.setattr(sys, "argv", ["speed.py", *arguments])
        function = runpy.run_path(FOLDER / "page.py")["publish"]
        page = tmp_path / "README.md"
        page.write_text(f"One. {BEGIN}old{END} Two.\n")
        monkeypatch.setitem(function.__globals__, "PAGE", page)
        before = page.read_text()
        function("table", ["recipe", "share"], [("lenet5", 0.5)])
        return before, page.read_text()

    return publish


def test_at_full_size_a_table_replaces_the_old_one(published):
    _, after = published()
    table = "| recipe | share |\n| --- | --- |\n| lenet5 | 0.5 |"
    assert after.startswith(f"One. {BEGIN}\n\n{table}\n\n")
    assert f"keras {version('keras')}" in after
    assert after.endswith(f"\n\n{END} Two.\n")
    assert "old" not in after


def test_a_tiny_benchmark_writes_nothing(published, capsys):
    before, after = published("--tiny")
    assert after == before
    assert "| lenet5 | 0.5 |" in capsys.readouterr().out
