"""The pages: what `make docs` refuses, what it shows, and that the examples run."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
check = runpy.run_path(ROOT / "docs/check.py")["main"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://example.org/a.js"></script>'),
        ("a.html", '<script>import("https://example.org/a.js")</script>'),
        ("a.html", '<link rel="stylesheet" href="//example.org/a.css">'),
        ("a.html", '<link rel="preconnect" href="https://example.org">'),
        ("a.html", '<img src="a.png" srcset="a.png 1x, https://example.org/a.png 2x">'),
        ("a.html", '<iframe src="http://example.org"></iframe>'),
        ("a.html", '<p style="background: url(https://example.org/a.png)">'),
        ("a.html", "<style>@import 'https://example.org/a.css';</style>"),
        ("a.css", '@font-face { src: url("https://example.org/a.woff2") }'),
        ("a.js", 'import a from "https://example.org/a.js"'),
        ("a.js", 'script.src = "https://example.org/a.js"'),
    ],
)
def test_what_is_fetched_from_elsewhere_is_refused(tmp_path, name, text, capsys):
    (tmp_path / name).write_text(text)
    assert check(tmp_path) == 1
    assert "example.org" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<a href="https://example.org">a paper</a> <img src="a.png">'),
        ("a.html", '<link rel="stylesheet" href="../_static/a.css?v=1">'),
        ("a.html", "<pre>@import 'https://example.org/a.css'</pre>"),
        ("a.html", '<img src="data:image/png;base64,aaaa">'),
        ("a.css", "a { background: url(a.png) } /* https://example.org */"),
        ("a.js", 'link.textContent = "https://example.org"'),
    ],
)
def test_links_to_follow_and_own_files_are_fine(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert check(tmp_path) == 0


def test_there_must_be_a_site(tmp_path):
    assert check(tmp_path) == 1


def test_the_reference_has_every_module():
    pages = "".join(page.read_text() for page in ROOT.glob("docs/api/*.md"))
    shown = re.findall(r"automodule:: (\S+)", pages)
    assert len(set(shown)) == len(shown)
    rooms = {f"lenet_study.{room}" for room in ("images", "training", "questions")}
    parts = [
        path.relative_to(ROOT).with_suffix("")
        for package in {"lenet_keras", "lenet_study"} | rooms
        for path in (ROOT / package.replace(".", "/")).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    modules = {".".join(part.parts) for part in parts if part.name != "__init__"}
    # The command has its own help. The others serve the study's own files and sweeps.
    inner = {f"lenet_study.{name}" for name in ("command", "files", "training.child")}
    assert inner | rooms <= modules
    assert modules - set(shown) == inner | rooms


def linked(page):
    """The pages of the project that a page links to."""
    for target in re.findall(r"\]\(([^)#\s]+\.(?:md|ipynb))", page.read_text("utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()


def test_every_page_and_notebook_is_reached_from_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += linked(page)
    site = {"index", "findings", "guides", "notebooks", "project", "stored-tables"}
    pages = {page for page in (ROOT / "docs").glob("*.md") if page.stem not in site}
    assert len(pages) >= 11
    assert pages | set((ROOT / "notebooks").glob("*.ipynb")) <= reached


@pytest.mark.parametrize(("page", "count"), [("README.md", 2), ("docs/layers.md", 3)])
def test_the_examples_run_as_they_are_printed(page, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == count
    for example in examples:
        names = {}
        exec(example, names)
        if "answers" in names:
            assert names["answers"].shape == (len(names["distances"]),)
        else:
            assert names["model"].output_shape == (None, 10)
