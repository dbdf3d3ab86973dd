import re
from pathlib import Path

import pytest

from lenet_study.blocks import BLOCKS, TABLES, Blocks, narrow
from lenet_study.text import MARKER, fill, fill_pages

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
MADE = {"sum": "4", "table": "| a |\n|---|\n| 1 |\n"}


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
        ("<!-- begin sum -->4", "the end of the page"),
        ("<!-- begin sum -->4<!-- end table -->", "end table"),
        ("<!-- begin sum --><!-- begin table -->", "begin table"),
        ("4<!-- end sum -->", "end sum"),
        ("<!-- begin sum --><!-- end sum --><!-- end sum -->", "end sum"),
    ],
)
def test_a_block_that_is_unknown_or_does_not_end_is_refused(text, received, message):
    assert received in message(fill, text, MADE.__getitem__)


@pytest.fixture
def project(tmp_path):
    """The project's pages beside its results, to be changed."""
    root = tmp_path
    (root / "docs").mkdir()
    for page in PAGES:
        copy = root / page.relative_to(ROOT)
        copy.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "data").mkdir()
    (root / "data/results").symlink_to(ROOT / "data/results")
    return root


def test_the_committed_pages_are_those_of_the_stored_results(project):
    assert fill_pages(project) == []


def test_a_number_that_was_altered_is_put_right(project):
    page = project / "docs/ladder.md"
    right = page.read_text(encoding="utf-8")
    assert right.count("1.17") > 1
    page.write_text(right.replace("1.17", "1.71"), encoding="utf-8")
    assert fill_pages(project) == [page]
    assert page.read_text(encoding="utf-8") == right


def test_an_error_names_the_page_and_leaves_all_pages_as_they_are(tmp_path, message):
    (tmp_path / "docs").mkdir()
    page, other = tmp_path / "docs/page.md", tmp_path / "README.md"
    other.write_text("<!-- begin pretrained --><!-- end pretrained -->")
    page.write_text("<!-- begin nothing --><!-- end nothing -->")
    assert str(page) in message(fill_pages, tmp_path)
    assert "network" not in other.read_text()


@pytest.mark.parametrize(
    "name",
    [
        *("nothing", "ladder/mnist/swish", "ladder/mnist/swish/nothing"),
        *("ladder/mnist/nothing/error", "compare/mnist/note-002/difference"),
        *("lenet1/mnist/lenet1-mnist/error", "nothing/mnist/swish/error"),
        *("ladder/mnist/nothing/difference", "ladder/mnist/1998/difference"),
        "ladder/mnist/swish/error/nothing",
    ],
)
def test_a_number_that_is_not_there_has_no_block(name):
    # LeNet-1 by one recipe has two learning rates: which of them is not said.
    with pytest.raises(KeyError):
        Blocks(ROOT / "data/results")[name]


def test_each_table_has_its_place_and_each_block_is_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {name for _, name in MARKER.findall(text)} >= set(BLOCKS)
    for name in TABLES:
        assert f"\n<!-- begin {name} -->\n" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_number_begins_a_line(page):
    # There Markdown would take its marker for the beginning of a block of HTML.
    for line in page.read_text(encoding="utf-8").splitlines():
        assert not re.match(r"\s*([-*>] )?<!-- begin \S+ -->.", line)


def test_a_narrow_table_leaves_out_columns_and_has_other_headings():
    table = "| a | b | b |\n|---|:--|--:|\n| 1 | 2 | 3 |\n"
    lines = narrow(table, {"a": None, "b": "c"}).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0] == ["c", "c"]
    assert cells[2] == ["2", "3"]


@pytest.mark.parametrize("page", PAGES[:-1], ids=lambda page: page.stem)
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
