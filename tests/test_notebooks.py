"""The notebooks as a reader meets them: short, framed, with something to practise.

That their outputs are right is what `pytest --nbval` compares.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SECONDS = {
    "word": 60 / 240,
    "code cell": 15,
    "picture": 20,
    "row beyond the eighth": 10,
}
LONGEST = 15  # minutes


def cells(name):
    return nbformat.read(FOLDER / name, as_version=4).cells


def markdown(name):
    return [cell.source for cell in cells(name) if cell.cell_type == "markdown"]


def is_folded(cell):
    return "hide-cell" in cell.metadata.get("tags", [])


def solutions(name):
    """Returns the folded code cells below "Practise"."""
    below = False
    for cell in cells(name):
        below = below or "## Practise\n" in cell.source
        if below and cell.cell_type == "code":
            yield cell


def reading_minutes(name):
    """Returns how long a reader takes. Solutions are not counted."""
    count = dict.fromkeys(SECONDS, 0)
    for text in markdown(name):
        text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        text = re.sub(r"\]\([^)]*\)", "]", text)  # addresses of links
        rows = re.findall(r"^\|", text, flags=re.MULTILINE)
        count["row beyond the eighth"] += max(0, len(rows) - 2 - 8)
        count["word"] += len(re.findall(r"\w+", text))
    solved = {cell.id for cell in solutions(name)}
    for cell in cells(name):
        if cell.cell_type != "code" or cell.id in solved:
            continue
        count["code cell"] += not is_folded(cell)
        for data in (output.get("data", {}) for output in cell.outputs):
            count["picture"] += "image/png" in data
            rows = data.get("text/html", "").count("<tr")
            count["row beyond the eighth"] += max(0, rows - 1 - 8)
    return sum(SECONDS[what] * count[what] for what in SECONDS) / 60


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_read_in_one_sitting(name):
    opening = cells(name)[0].source
    stated = int(re.search(r"^> About (\d+) minutes\.", opening, re.MULTILINE)[1])
    assert reading_minutes(name) <= stated <= LONGEST
    assert stated <= math.ceil(reading_minutes(name)) + 1


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_with_its_question_and_the_answer(name):
    title, question, box = cells(name)[0].source.split("\n\n")[:3]
    assert title.startswith("# ")
    assert re.fullmatch(r"\*\*.*\?\*\*", question, re.DOTALL)
    assert box.startswith("> **The answer in short.** ")
    assert "> About " in box
    assert "It needs" in box


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_closes_with_what_was_seen(name):
    assert markdown(name)[-1].startswith("## What we have seen")
    assert cells(name)[-1].cell_type == "markdown"
    assert "Remember one thing: **" in markdown(name)[-1].replace("\n", " ")


@pytest.mark.parametrize(("one", "next_"), list(pairwise(NAMES)))
def test_neighbours_link_each_other(one, next_):
    assert f"({next_})" in markdown(one)[-1]
    assert f"({one})" in markdown(next_)[0] + markdown(next_)[-1]


@pytest.mark.parametrize("name", NAMES)
def test_three_exercises_have_solutions_that_run(name):
    text = "\n".join(markdown(name)).split("## Practise")[1].split("## ")[0]
    assert re.findall(r"^\*\*(\d)\.\*\* \((\w+)\)", text, re.MULTILINE) == [
        ("1", "easy"),
        ("2", "medium"),
        ("3", "hard"),
    ]
    folded = list(solutions(name))
    assert len(folded) >= 3
    for cell in folded:
        assert is_folded(cell)
        hidden = {"outputs_hidden": True, "source_hidden": True}
        assert cell.metadata["jupyter"] == hidden
        assert cell.outputs
        assert "nbval-ignore-output" not in cell.metadata["tags"]


@pytest.mark.parametrize("name", NAMES)
def test_questions_to_discuss_have_folded_answers(name):
    text = "\n".join(markdown(name)).partition("## To discuss")[2].split("\n## ")[0]
    questions = re.findall(r"^\*\*\d\.\*\*", text, re.MULTILINE)
    answers = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    assert len(questions) == len(answers)


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_notebook_exist(name):
    for text in markdown(name):
        for target, anchor in re.findall(r"\]\(([^)#:]+)(#[^)]*)?\)", text):
            assert (FOLDER / target).exists(), target
            if anchor:
                page = (FOLDER / target).read_text(encoding="utf-8")
                heads = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
                slugs = {
                    re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads
                }
                assert anchor[1:] in slugs, anchor


# Not numbers of the text: code, formulas, addresses, commands, sizes such as 28x28,
# names of networks and layers, what is counted off, years, and the box's minutes.
NO_NUMBER = [
    r"`[^`]*`",
    r"\$\$[\s\S]*?\$\$",
    r"\[\d\d\]\([^)]*\)",
    r"\$[^$]*\$",
    r"\]\([^)]*\)",
    r"^    .*$",
    r"\b\d+(?:x\d+)+\b",
    r"\b(?:LeNet|VGG|ResNet|CIFAR)-\d+\b",
    r"\b[CSFHU]\d\b",
    r"(?:[Nn]otes?|notebooks?|[Ff]igures?|sections?|equations?|[Ee]xercise) [\d, and]+",
    r"\((?:equations? )?\d+(?:[,and ]+\d+)*\)",
    r"\b(?:19|20)\d\d\b",
    r"^\*\*\d\.\*\*",
    r"> About \d+ minutes",
]
IN_TEXT = r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?!\w)"
IN_OUTPUT = r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
NUMBERS = tomllib.loads(Path(__file__).with_name("numbers.toml").read_text("utf-8"))


def numbers_in(text):
    """Returns the numbers that a text states, as they are written."""
    for pattern in NO_NUMBER:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE)
    return [found.rstrip(",") for found in re.findall(IN_TEXT, text)]


def shown_by(cell):
    """Returns the numbers of a code cell and of its outputs."""
    texts = [cell.source.replace("_", "")]
    for output in cell.get("outputs", []):
        texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    found = re.findall(IN_OUTPUT, "\n".join(texts))
    return [float(number.replace(",", "")) for number in found]


def is_shown(number, values):
    """Returns whether a number is one of the values, rounded to its digits."""
    digits = len(number.partition(".")[2]) if "e" not in number else 9
    value = float(number.replace(",", ""))
    return any(abs(round(other, digits) - value) < 1e-9 for other in values)


@pytest.mark.parametrize("name", NAMES)
def test_each_number_in_the_text_has_its_source(name):
    sources = {source: text.split() for source, text in NUMBERS[name].items()}
    listed = Counter(number for numbers in sources.values() for number in numbers)
    assert Counter(numbers_in("\n\n".join(markdown(name)))) == listed
    own = cells(name)
    shown = [shown_by(c) if c.cell_type == "code" else [] for c in own]
    elsewhere = {n for source, ns in sources.items() if source != "outputs" for n in ns}
    for place, cell in enumerate(own):
        if cell.cell_type == "markdown":
            ends = place in (0, len(own) - 1)
            near = shown if ends else shown[max(0, place - 6) : place + 4]
            values = [value for numbers in near for value in numbers]
            for number in numbers_in(cell.source):
                assert number in elsewhere or is_shown(number, values), number


def test_the_notebooks_are_there_in_reading_order():
    assert [name[:2] for name in NAMES] == [f"{n:02}" for n in range(1, 14)]


def code_cells(name):
    return [cell for cell in cells(name) if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NAMES)
def test_its_cells_ran_in_order_and_without_an_error(name):
    own = code_cells(name)
    assert [cell.execution_count for cell in own] == list(range(1, len(own) + 1))
    for cell in own:
        assert all(output.output_type != "error" for output in cell.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_machine_is_stored(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            assert output.get("name") != "stderr"
            assert "object at 0x" not in json.dumps(output)


@pytest.mark.parametrize("name", NAMES)
def test_few_cells_go_uncompared_and_each_has_a_verdict_after_it(name):
    own = code_cells(name)
    ignored = [
        index
        for index, cell in enumerate(own)
        if cell.metadata.get("tags") == ["nbval-ignore-output"]
    ]
    assert len(ignored) <= max(2, len(own) // 3)
    for index in ignored:
        after = next(n for n in range(index, len(own)) if n not in ignored)
        verdict = own[after].outputs[0].data["text/plain"]
        assert "True" in verdict
        assert "False" not in verdict


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_pictures(name):
    outputs = [output for cell in code_cells(name) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_nbval_leaves_nothing_in_the_temporary_folder(tmp_path):
    shutil.copy(FOLDER / "conftest.py", tmp_path)
    source = "import tempfile\nfolder = tempfile.TemporaryDirectory()"
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    env = os.environ | {"TMPDIR": str(temporary)}
    subprocess.run([*command, "a.ipynb"], cwd=tmp_path, env=env, check=True)
    assert list(temporary.iterdir()) == []
    assert not any("mkdtemp" in cell.source for name in NAMES for cell in cells(name))
