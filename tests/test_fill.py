"""The marked blocks of the project's pages."""

import re
import runpy
from pathlib import Path

import pytest

from lenet_study.results import load

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
PAGES.append(ROOT / "data/results/README.md")
MADE = {"sum": "4", "table": "| a |\n|---|\n| 1 |\n"}
filler = runpy.run_path(ROOT / "docs/fill.py")
fill, fill_pages, block = (filler[name] for name in ("fill", "fill_pages", "block"))


def test_a_number_stands_inside_its_sentence():
    text = "It is <!-- begin sum -->5<!-- end sum --> %, and <!-- begin sum -->"
    text += "<!-- end sum --> again."
    once = fill(text, MADE.__getitem__)
    assert once == (
        "It is <!-- begin sum -->4<!-- end sum --> %, and "
        "<!-- begin sum -->4<!-- end sum --> again."
    )
    assert fill(once, MADE.__getitem__) == once


def test_a_table_stands_between_empty_lines():
    once = fill("<!-- begin table -->\nold\n<!-- end table -->", MADE.__getitem__)
    table = "| a |\n|---|\n| 1 |"
    assert once == f"<!-- begin table -->\n\n{table}\n\n<!-- end table -->"
    assert fill(once, MADE.__getitem__) == once


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("<!-- begin product -->8<!-- end product -->", "begin product"),
        ("<!-- begin sum -->4", "begin sum"),
        ("<!-- begin sum -->4<!-- end table -->", "end table"),
        ("<!-- begin sum --><!-- begin table -->", "begin table"),
        ("<!-- begin sum --><!-- begin table --><!-- end sum -->", "begin table"),
        ("4<!-- end sum -->", "end sum"),
        ("<!-- begin sum --><!-- end sum --><!-- end sum -->", "end sum"),
    ],
)
def test_a_block_that_is_unknown_or_does_not_end_is_refused(text, received, message):
    assert received in message(fill, text, MADE.__getitem__)


@pytest.fixture
def project(tmp_path):
    """The project's pages, to be changed."""
    for page in PAGES:
        copy = tmp_path / page.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_the_committed_pages_are_those_of_the_stored_results(project):
    assert fill_pages(project) == []


def test_a_number_that_was_altered_is_put_right(project):
    page = project / "docs/ladder.md"
    right = page.read_text(encoding="utf-8")
    assert right.count("1.17") > 1
    page.write_text(right.replace("1.17", "1.71"), encoding="utf-8")
    assert fill_pages(project) == [page]
    assert page.read_text(encoding="utf-8") == right


def test_an_error_names_the_page_and_leaves_all_pages_as_they_are(project, message):
    page, other = project / "docs/ladder.md", project / "README.md"
    other.write_text("<!-- begin pretrained --><!-- end pretrained -->")
    page.write_text("<!-- begin nothing --><!-- end nothing -->")
    assert str(page) in message(fill_pages, project)
    assert "network" not in other.read_text()


def test_a_cell_is_found_by_the_words_of_its_row_and_column():
    runs = load(ROOT / "data/results/compare.jsonl").query("dataset == 'mnist'")
    wrong = 100 * (1 - runs.groupby("recipe")["test_accuracy"].mean())
    for words, recipe in {
        "lenet-5-1998": "lenet5-adam",
        "modern-variant": "lenet5_modern-adam",
        "modern-note": "note-002",
    }.items():
        cell = block(f"compare/mnist+{words}/test-error")
        mean, deviation = map(float, cell.split(" ± "))
        assert mean == pytest.approx(wrong[recipe], abs=0.005)
        assert deviation > 0
        assert block(f"compare/mnist+{words}/test-error.mean") == f"{mean:.2f}"


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "nothing/runs", "ladder/swish/nothing", "best/nothing/error"),
        *("compare/mnist/test-error", "compare/mnist+nothing/test-error"),
        *("robustness/nothing", "lines/gains/whole-lines/nothing"),
    ],
)
def test_a_table_a_row_or_a_column_that_is_not_there_is_refused(name, message):
    # Three networks of the comparison saw MNIST: which of them is not said.
    text = f"<!-- begin {name} --><!-- end {name} -->"
    assert name in message(fill, text, block)


def test_each_table_is_shown_or_has_a_cell_in_the_text():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in filler["TABLES"]:
        assert re.search(rf"<!-- begin {name}(/\S+/\S+)? -->", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_number_begins_a_line(page):
    # There Markdown would take its marker for the beginning of a block of HTML.
    for line in page.read_text(encoding="utf-8").splitlines():
        assert not re.match(r"\s*([-*>] )?<!-- begin \S+ -->.", line)


@pytest.mark.parametrize("page", PAGES[:-2], ids=lambda page: page.stem)
def test_links_lead_to_files_and_sections(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, section = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if section:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            slugs = [
                re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles
            ]
            assert section in slugs
