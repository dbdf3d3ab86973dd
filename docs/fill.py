"""Puts tables and numbers into the project's pages, made from the stored results.

A page holds marked blocks, `<!-- begin NAME -->...<!-- end NAME -->`. The text between
the two markers is generated: a table, or a number inside a sentence.

    python docs/fill.py
"""

import functools
import re
from pathlib import Path

import pandas as pd

from lenet_keras.checks import expect
from lenet_study import results, studies, tables

ROOT = Path(__file__).resolve().parents[1]
MARKER = r"<!-- (?:begin|end) \S+ -->"
BLOCK = rf"(<!-- begin (\S+) -->)(?:(?!{MARKER}).)*(<!-- end \2 -->)"


def fill(text, make, page=None):
    """Returns a page with each marked block made anew.

    Args:
        text: The page, in Markdown.
        make: Function of a block's name that returns its text. It raises `KeyError`
            if it does not know the name.
        page: Optional path of the page, for errors.

    Example:

    >>> fill("2 + 2 = <!-- begin sum -->5<!-- end sum -->.", {"sum": "4"}.__getitem__)
    '2 + 2 = <!-- begin sum -->4<!-- end sum -->.'

    Raises:
        ValueError: If a name is unknown, or a block does not end before the next one
            begins.
    """

    def made(block):
        begin, name, end = block.groups()
        try:
            text = make(name).strip()
        except (LookupError, ValueError, FileNotFoundError) as error:
            received = f"Received: {begin}, page={page}, {error!r}"
            raise ValueError(f"Expected the name of a block. {received}") from error
        return begin + (f"\n\n{text}\n\n" if "\n" in text else text) + end

    filled = re.sub(BLOCK, made, text, flags=re.DOTALL)
    left = re.findall(MARKER, re.sub(BLOCK, "", text, flags=re.DOTALL))
    expect(not left, "blocks that begin and end", page=page, markers=left)
    return filled


def fill_pages(root=ROOT):
    """Makes the blocks of README.md, docs/*.md and data/results/README.md anew.

    Args:
        root: Path of the project that has the pages.

    Returns:
        List of the paths of the pages that have changed.

    Raises:
        ValueError: If a page has an unknown block, or one that does not end.
    """
    pages = [root / "README.md", root / "data/results/README.md"]
    pages += sorted((root / "docs").glob("*.md"))
    before = {page: page.read_text(encoding="utf-8") for page in pages}
    after = {page: fill(text, block, page) for page, text in before.items()}
    changed = [page for page in pages if after[page] != before[page]]
    for page in changed:
        page.write_text(after[page], encoding="utf-8")
    return changed


def block(name):
    """Returns a table in Markdown, or one of its cells.

    Args:
        name: Name of a table, or `TABLE/ROW/COLUMN`. Words of a row, from any of its
            columns, name it, joined by `+`. In these names all but letters and digits
            is `-`, as in `perturbed/lenet-5-1998/as-it-is` and
            `compare/mnist+modern-note/epochs`. `COLUMN.mean` is the part before `±`.

    Raises:
        LookupError: If there is no such table or column.
        ValueError: If not exactly one row has the words.
    """
    if name in TABLES or name.count("/") < 2:
        return tables.markdown(table(name))
    name, row, column = name.rsplit("/", 2)
    frame, wanted = table(name).map(str).rename(columns=_name), set(row.split("+"))
    found = [own for _, own in frame.iterrows() if wanted <= set(own.map(_name))]
    expect(len(found) == 1, "one row", found=len(found))
    cell = found[0][column.removesuffix(".mean")].strip("*")
    return cell.split(" ± ")[0] if column.endswith(".mean") else cell


def _name(text):
    return re.sub(r"\W+", "-", text.lower()).strip("-")


@functools.cache
def table(name):
    """Returns a table.

    Args:
        name: Key of `TABLES`, or else `STUDY` or `STUDY/WHAT`: what
            `lenet_study.tables.of_study` returns.
    """
    if name in TABLES:
        return TABLES[name]()
    study, _, what = name.partition("/")
    made = tables.of_study(stored(study))
    return made[what] if what else next(iter(made.values()))


def stored(study):
    """Returns the path of a study's results file."""
    return ROOT / f"data/results/{study}.jsonl"


def runs(study):
    """Returns the runs of a study."""
    return results.load(stored(study))


def of_lines():
    """Returns the errors on lines."""
    return results.load_measured("measured", stored("lines"))


def with_seeds(study):
    """Returns the runs of the configurations that have several seeds."""
    return runs(study).groupby("configuration").filter(lambda own: len(own) > 1)


def summary(study):
    """Returns the summary of these runs, without columns of one value."""
    table = tables.summary(with_seeds(study))
    return table.loc[:, table.nunique() > 1]


def side_by_side(study):
    """Returns the overview of a comparison with short headings."""
    frame = tables.overview(runs(study), study)
    short = {name: "difference" for name in frame if ": difference" in name}
    return frame.rename(columns=lambda n: short.get(n, n.replace(": test error", "")))


TABLES = {
    "protocol": lambda: tables.protocol(stored("protocol")),
    "protocol-training": lambda: tables.protocol(stored("protocol"), "training"),
    "protocol-choices": lambda: tables.protocol_choices(runs("protocol-choices")),
    "ladder": lambda: side_by_side("ladder"),
    "relatives": lambda: side_by_side("relatives"),
    "shorter": lambda: summary("shorter"),
    "best": lambda: summary("best"),
    "best/seeds": lambda: tables.seeds(with_seeds("best")),
    "perturbed/runs": lambda: tables.summary(runs("perturbed")),
    "lenet1": lambda: summary("lenet1"),
    "corruptions": tables.corruptions,
    "corrupted/strengths": lambda: tables.corrupted(
        results.load_measured("corrupted", stored("corrupted")), range(4), ".1f"
    ),
    "lines": lambda: tables.lines(
        of_lines().query("network in @results.NETWORK_TITLES")
    ),
    "lines/gains": lambda: tables.lines_wrong(of_lines(), "trained on"),
    "lines/strides": lambda: tables.lines_wrong(of_lines(), "stride, in pixels"),
    "lines/longer": lambda: tables.lines_longer(runs("longer")),
    "lines/costs": lambda: tables.lines_cost(stored("lines")),
    "studies": studies.overview,
    "family": tables.family,
    "pretrained": tables.trained,
} | {
    name: functools.partial(pd.read_csv, stored(name).with_suffix(".csv"), dtype=str)
    for name in ("photos", "photos-mistakes", "photos-lines")
}

if __name__ == "__main__":
    for page in fill_pages():
        print(f"Updated {page}")
