"""What the marked blocks of the project's pages show; `text` puts it into them."""

import functools
from pathlib import Path

import pandas as pd

from lenet_keras import pretrained
from lenet_study import networks
from lenet_study.family import timeline
from lenet_study.files import read_results
from lenet_study.lines import KINDS
from lenet_study.networks.anatomy import growth
from lenet_study.perturbations import load_perturbed, reach
from lenet_study.readers import NETWORKS, Reader, load_lines
from lenet_study.recipes import BASELINES, RECOMMENDED
from lenet_study.report import (
    choices_table,
    lines_table,
    perturbed_table,
    rejection_table,
)
from lenet_study.results import (
    COMPARISONS,
    comparison_table,
    load,
    load_history,
    markdown,
    overview,
    plus_minus,
    rates_at_edge,
    rungs,
    spread,
    summary,
)
from lenet_study.robustness import load_robustness
from lenet_study.statistics import (
    crossing,
    error_percent,
    mean_interval,
    paired_difference,
)
from lenet_study.studies import STUDIES, jobs, titled


class Blocks:
    """The blocks by name, made from stored results; each file is read once.

    `blocks[name]` is a block's text. A name is a key of `BLOCKS`, or
    `STUDY/DATASET/RECIPE/WHAT` for a number over the seeds of a recipe: `WHAT` is a
    key of `NUMBERS`, or `difference` in the studies `ladder` and `relatives`.

    Args:
        folder: Path of the folder of results.

    Raises:
        KeyError: If there is no such block.
    """

    def __init__(self, folder):
        self.folder = folder = Path(folder)
        self.runs = functools.cache(lambda study: load(folder / f"{study}.jsonl"))
        self.history = functools.cache(
            lambda study: load_history(folder / f"{study}.jsonl")
        )
        self.perturbed = functools.cache(
            lambda: load_perturbed(folder / "perturbed.jsonl")
        )
        self.robustness = functools.cache(
            lambda: load_robustness(folder / "robustness.jsonl")
        )
        self.lines = functools.cache(lambda: load_lines(folder / "lines.jsonl"))
        self.reach = functools.cache(lambda: reach(self.perturbed(), level=0.9))

    def __getitem__(self, name):
        if name in BLOCKS:
            return BLOCKS[name](self)
        study, dataset, recipe, what = parts = (name.split("/") + [""] * 4)[:4]
        if "/".join(parts) != name:
            raise KeyError(name)
        if what == "difference" and study in COMPARISONS:
            rung = rungs(self.runs(study), dataset, study).loc[recipe]
            if pd.isna(rung["difference"]):
                raise KeyError(name)
            return plus_minus(rung, "difference", sign="+")
        return NUMBERS[what](self.final(study, dataset, recipe))

    def final(self, study, dataset, recipe, **settings):
        """Returns the runs of a recipe that measure the test images, by seed."""
        if not (self.folder / f"{study}.jsonl").exists():
            raise KeyError(study)
        runs = self.runs(study)
        wanted = {"held_out": 0, "dataset": dataset, "recipe": recipe, **settings}
        for column, value in wanted.items():
            runs = runs[runs[column] == value]
        if runs["setup"].nunique() != 1:
            raise KeyError(f"{study}/{dataset}/{recipe}")
        return runs.set_index("seed").sort_index()


def errors(runs, kind="test"):
    """Returns errors in percent: `"test"`, `"train"` or `"held_out"` ones."""
    return error_percent(runs[f"{kind}_accuracy"])


NUMBERS = {
    "error": lambda runs: f"{errors(runs).mean():.2f}",
    "interval": lambda runs: str(mean_interval(errors(runs))),
    "seeds": lambda runs: ", ".join(errors(runs).map("{:.2f}".format)),
    "test-error": lambda runs: spread(errors(runs)),
    "test-accuracy": lambda runs: spread(100 * runs["test_accuracy"]),
    "training-accuracy": lambda runs: spread(100 * runs["train_accuracy"]),
    "training-error": lambda runs: f"{errors(runs, 'train').mean():.1f}",
}


def narrow(table, headings):
    """Returns a Markdown table with other headings; a column of `None` is left out."""
    lines = [line.strip("|").split("|") for line in table.strip().splitlines()]
    names, _, *rows = [[cell.strip() for cell in line] for line in lines]
    kept = [place for place, name in enumerate(names) if headings.get(name, name)]
    frame = pd.DataFrame(rows).iloc[:, kept]
    frame.columns = [headings.get(names[place], names[place]) for place in kept]
    return markdown(frame)


def without(*names):
    """Returns headings that leave columns out."""
    return dict.fromkeys(names)


SIDE_BY_SIDE = {
    f"{title}: {column}": heading
    for title in ("MNIST", "CIFAR-10")
    for column, heading in {
        "test error, %": f"{title}, %",
        "difference to the rung before": "difference",
        "difference to the network without it": "difference",
    }.items()
}

# The paper's method: training images, loss, recipe, their number, and the paper's test
# and training errors.
PROTOCOL = [
    ("60,000 digits", 9, "lenet5-mnist", 60_000, "0.95", "0.35"),
    ("60,000 digits", 8, "lenet5-mnist-loss-8", 60_000, "0.95", "0.35"),
    ("the first 15,000", 9, "lenet5-mnist", 15_000, "1.68", "0.05"),
    ("the first 30,000", 9, "lenet5-mnist", 30_000, "1.14", "0.31"),
    ("60,000 of 600,000, distorted", 9, "lenet5-mnist-distorted", 60_000, "0.8", ""),
]


def final_epochs(blocks, recipe, images=60_000):
    """Returns the errors of the paper's method after its last epoch, a row a seed."""
    runs = blocks.final("protocol", "mnist", recipe, train_images=images)
    history = blocks.history("protocol")
    own = history["setup"].isin(runs["setup"]) & (history["epoch"] == 20)
    final = history[own].set_index("seed").sort_index()
    kinds = ["test_accuracy", "train_accuracy_after_epoch", "train_accuracy"]
    return (100 * (1 - final[kinds])).round(3)


def protocol_table(blocks, kind, column):
    """Returns the medians of the paper's method over the seeds, and each seed's."""
    rows = []
    for title, loss, recipe, images, *paper in PROTOCOL:
        measured = final_epochs(blocks, recipe, images)
        row = {"20 epochs over": title, "loss": f"({loss})"}
        row[f"{kind} error, %: median"] = f"{measured[column].median():.2f}"
        row["each seed"] = ", ".join(f"{error:.2f}" for error in measured[column])
        if kind == "training":
            row["on the fly, %"] = f"{measured['train_accuracy'].median():.2f}"
        row["the paper's, %"] = paper[kind == "training"]
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def _protocol_median(blocks, recipe):
    return f"{final_epochs(blocks, recipe)['test_accuracy'].median():.2f}"


def tried(blocks):
    """Returns the held-out errors of the protocol's choices, a list for each choice."""
    runs = blocks.runs("protocol-choices").set_index("id")
    runs = runs.loc[[run.id for run in jobs(STUDIES["protocol-choices"]["jobs"])]]
    by = [runs[name] for name in ("recipe", "changes", "learning_rate")]
    return errors(runs, "held_out").groupby(by, sort=False).apply(list)


def _tried_table(blocks):
    rows = [
        {
            "recipe": recipe,
            "changes": changes,
            "factor of the rates": f"{rate:.3g}",
            "each seed, %": ", ".join(f"{error:.2f}" for error in measured),
        }
        for (recipe, changes, rate), measured in tried(blocks).items()
    ]
    return markdown(pd.DataFrame(rows))


def _tried_errors(blocks, recipe, changes="", rate=0.25):
    measured = tried(blocks)[recipe, changes, rate]
    return " and ".join(f"{error:.2f}" for error in measured)


def interpretation(blocks, name):
    """Returns the runs of an interpretation that trained for two epochs."""
    runs = blocks.runs("interpretations")
    return runs[(runs["epochs"] == 2) & (runs["interpretation"] == name)]


def _rate_range(blocks, name):
    own = interpretation(blocks, name)
    low, high = own["lowest_learning_rate"].min(), own["highest_learning_rate"].max()
    text = f"{low:.4f}" if low > 1e-3 else f"{low:.1e}".replace("e-0", "e-")
    return f"{text} to {high:.3f}"


def _differences(blocks):
    found = [rungs(blocks.runs("ladder"), name) for name in ("mnist", "cifar10")]
    return str(sum(own["difference"].notna().sum() for own in found))


def difference(before, after):
    """Returns the difference of test errors, paired by seed, as text."""
    found = paired_difference(errors(before), errors(after))
    return f"{found.mean:+.2f} ± {found.half_width:.2f}"


def _note_difference(blocks, dataset, rung):
    note = blocks.final("note-002", dataset, "note-002")
    return difference(blocks.final("ladder", dataset, rung), note)


def _longer(blocks, epochs):
    runs = blocks.runs("longer").query("recipe == 'lenet5_modern-mnist'")
    return spread(errors(runs[runs["epochs"] == epochs], "held_out"))


def _longer_lines(blocks):
    """Returns the table of errors on lines for each length of the training."""
    runs = blocks.runs("longer").query("recipe == 'lenet5-mnist-line-best'")
    return markdown(
        pd.DataFrame(
            {
                "epochs": run.epochs,
                "lines of training digits": error_percent(run.train_accuracy),
                "lines of held-out digits": error_percent(run.held_out_accuracy),
            }
            for run in runs.sort_values("epochs").itertuples()
        ).map(lambda number: f"{number:.1f}" if isinstance(number, float) else number)
    )


def lost(blocks, kinds, amounts, recipes, digits):
    """Returns the least and most points that networks lose to what is done to images.

    The points of a network are the mean over its seeds.
    """
    points = []
    for kind in kinds:
        measured = blocks.perturbed()
        own = measured[measured["perturbation"] == kind]
        right = own.groupby(["amount", "recipe"])["accuracy"].mean().unstack()
        points.append((100 * (right.loc[0] - right)).loc[amounts, recipes].stack())
    ends = pd.concat(points).agg(["min", "max"]).map(f"{{:.{digits}f}}".format)
    return " to ".join(ends.unique())


def _read_up_to(blocks, kind, end, digits=0):
    table = blocks.reach().set_index(["recipe", "perturbation"])
    return f"{abs(table.loc[('loss-9', kind), end]):.{digits}f}"


def _grown(build, column, side):
    return f"{getattr(growth(build, [side])[side], column):,}"


def _lenet1_gap(blocks, recipe):
    runs = blocks.final("lenet1", "mnist", recipe, learning_rate=9)
    return f"{errors(runs).mean() - 1.7:.2f}"


def _lenet1_table(blocks):
    runs = blocks.runs("lenet1").query("held_out == 0")
    constant = without("data set", "images", "epochs", "seeds", "measured on")
    return narrow(summary(runs), constant)


def _epochs_to_25(blocks, recipe):
    own = blocks.history("relatives").query("held_out == 0 and recipe == @recipe")
    curves = errors(own.set_index(["epoch", "seed"]), "train").unstack("seed")
    return f"{curves.apply(crossing, level=25).mean():.1f}"


def _family_table():
    table = timeline()[["year", "parameters", "connections", "multiply_adds"]]
    table = table.astype(int).rename(columns={"multiply_adds": "multiply-adds"})
    counts = table.iloc[:, 1:].map("{:,}".format)
    return markdown(
        pd.concat([table["year"].astype(str), counts], axis=1).reset_index()
    )


def _pretrained_table():
    rows = [
        {
            "network": f"`{name}`",
            "pixels": f'`"{record["pixels"]}"`',
            "wrong of 10,000 test images": f"{record['test_errors']:,}",
        }
        for name, record in pretrained.records().items()
    ]
    return markdown(pd.DataFrame(rows))


def _recommended(runs):
    return runs[runs["recipe"].isin(RECOMMENDED.values())]


# What each network of the table of gains was trained on.
TRAINED_ON = {
    "lenet5-mnist-distorted": "single distorted digits",
    "lenet5-mnist-line without both": "single digits",
    "lenet5-mnist-line without neighbours": "single digits, and rubbish",
    "lenet5-mnist-line without rubbish": "digits with neighbours",
    "lenet5-mnist-line": "digits with neighbours, and rubbish",
    "lenet5-mnist-line-best": "whole lines",
}


def _lines_wrong(blocks):
    """Returns the lines of five that each sliding network reads wrongly, in percent."""
    measured = blocks.lines()
    of_five = measured[measured["length"] == 5]
    wrong = of_five.pivot(index="network", columns="kind", values="slid_line_error")
    return wrong.map("{:.1f}".format)


def _line_gains(blocks):
    """A row a training: the lines of five that are read wrongly, of each kind."""
    wrong = _lines_wrong(blocks).loc[list(TRAINED_ON), list(KINDS)]
    wrong.insert(0, "trained on", TRAINED_ON.values())
    return markdown(wrong)


def _line_strides(blocks):
    """A row a stride: the lines of five that are read wrongly, of each kind."""
    names = {4: NETWORKS[-1]} | {n: f"{NETWORKS[-1]}, stride {n}" for n in (2, 1)}
    wrong = _lines_wrong(blocks).loc[list(names.values()), list(KINDS)]
    wrong.insert(0, "stride, in pixels", list(names))
    return markdown(wrong)


def _line_costs(blocks):
    """Returns what sliding costs and what cutting windows costs, in Markdown."""
    (cost,) = {
        tuple(result["cost"].items())
        for result in read_results(blocks.folder / "lines.jsonl")
        if result["run"] == Reader(NETWORKS[-1]).asked
    }
    cost = dict(cost)
    words = {"slid": "slid once", "cut": f"{cost['places']} windows"}
    rows = [
        {
            f"a line {cost['width']} pixels wide": word,
            "multiply-adds": f"{cost[f'{how}_multiply_adds']:,}",
            "milliseconds": cost[f"{how}_milliseconds"],
        }
        for how, word in words.items()
    ]
    return markdown(pd.DataFrame(rows))


SHIFTS = ["shift right", "shift down"]

TABLES = {
    "compare": lambda b: markdown(comparison_table(b.runs("compare"))),
    "protocol": lambda b: protocol_table(b, "test", "test_accuracy"),
    "protocol-training": lambda b: protocol_table(
        b, "training", "train_accuracy_after_epoch"
    ),
    "protocol-choices": _tried_table,
    "ladder": lambda b: narrow(overview(b.runs("ladder")), SIDE_BY_SIDE),
    "shorter": lambda b: narrow(
        summary(b.runs("shorter")), without("seeds", "measured on")
    ),
    "best": lambda b: narrow(
        summary(_recommended(b.runs("best"))),
        without("measured on"),
    ),
    "choices": lambda b: choices_table(b.runs("choices"), titled("choices")),
    "ingredients": lambda b: choices_table(
        b.runs("ingredients"), titled("ingredients")
    ),
    "perturbed": lambda b: perturbed_table(b.perturbed()),
    "robustness": lambda b: perturbed_table(b.robustness()[0]),
    "robustness/rejection": lambda b: rejection_table(b.robustness()[1]),
    "lines": lambda b: lines_table(b.lines().query("network in @NETWORKS")),
    "lines/gains": _line_gains,
    "lines/strides": _line_strides,
    "lines/longer": _longer_lines,
    "lines/costs": _line_costs,
    "lenet1": _lenet1_table,
    "relatives": lambda b: narrow(
        overview(b.runs("relatives"), "relatives"), SIDE_BY_SIDE
    ),
    "family": lambda b: _family_table(),
    "pretrained": lambda b: _pretrained_table(),
}
BLOCKS = TABLES | {
    "protocol/loss-9": lambda b: _protocol_median(b, "lenet5-mnist"),
    "protocol/loss-8": lambda b: _protocol_median(b, "lenet5-mnist-loss-8"),
    "protocol/distorted": lambda b: _protocol_median(b, "lenet5-mnist-distorted"),
    "choices/ours": lambda b: _tried_errors(b, "lenet5-mnist"),
    "choices/distorted": lambda b: _tried_errors(b, "lenet5-mnist-distorted"),
    "choices/mean-error": lambda b: _tried_errors(
        b, "lenet5-mnist", "estimates_in_first_epoch 1, network {}, mu 1.68", 1.0
    ),
    "interpretations/mean-error": lambda b: (
        f"{interpretation(b, 'mean-error')['error_2'].mean():.1f}"
    ),
    "interpretations/ours": lambda b: (
        f"{interpretation(b, 'ours')['error_2'].mean():.1f}"
    ),
    "rates/mean-error": lambda b: _rate_range(b, "mean-error"),
    "rates/library": lambda b: _rate_range(b, "library"),
    "rates/lecun": lambda b: _rate_range(b, "lecun"),
    "ladder/hours": lambda b: f"{b.runs('ladder')['seconds'].sum() / 3600:.1f}",
    "ladder/differences": _differences,
    "ladder/at-edge": lambda b: "{} of {}".format(*rates_at_edge(b.runs("ladder"))),
    "note-002/mnist/to-last": lambda b: _note_difference(b, "mnist", "batch-32"),
    "note-002/cifar10/to-last": lambda b: _note_difference(b, "cifar10", "batch-32"),
    "note-002/mnist/to-first": lambda b: _note_difference(b, "mnist", "1998"),
    "note-002/cifar10/to-first": lambda b: _note_difference(b, "cifar10", "1998"),
    "longer/30": lambda b: _longer(b, 30),
    "longer/60": lambda b: _longer(b, 60),
    "shift-1/connected": lambda b: lost(b, SHIFTS, [-1, 1], BASELINES, 1),
    "shift-1/lenet5": lambda b: lost(b, SHIFTS, [-1, 1], ["loss-9"], 1),
    "shift-3/connected": lambda b: lost(b, SHIFTS, [-3, 3], BASELINES, 0),
    "shift-3/lenet5-right": lambda b: lost(b, SHIFTS[:1], [3], ["loss-9"], 0),
    "shift-3/lenet5-up": lambda b: lost(b, SHIFTS[1:], [-3], ["loss-9"], 0),
    "turn-10/connected": lambda b: lost(b, ["rotation"], [-10, 10], BASELINES, 1),
    "turn-10/lenet5": lambda b: lost(b, ["rotation"], [-10, 10], ["loss-9"], 1),
    "reach/smallest": lambda b: _read_up_to(b, "scale", "low", 2),
    "reach/largest": lambda b: _read_up_to(b, "scale", "high", 2),
    "reach/pixels": lambda b: _read_up_to(b, "shift down", "high"),
    "reach/clockwise": lambda b: _read_up_to(b, "rotation", "low"),
    "reach/counter-clockwise": lambda b: _read_up_to(b, "rotation", "high"),
    **{
        f"growth/{name}-{side}": lambda b, of=of, side=side: _grown(*of, side)
        for name, of in {
            "connected-parameters": (networks.fully_connected, "trainable"),
            "lenet5-connections": (networks.lenet5, "connections"),
        }.items()
        for side in (32, 64)
    },
    **{
        f"lines/{name}/touching": lambda b, name=name: _lines_wrong(b)["touching"][name]
        for name in ("lenet5-mnist-distorted", "lenet5-mnist-line-best")
    },
    "lenet1/gap": lambda b: _lenet1_gap(b, "lenet1-mnist"),
    "lenet1/gap-unreduced": lambda b: _lenet1_gap(b, "lenet1-mnist-unreduced"),
    "epochs-to-25/swish": lambda b: _epochs_to_25(b, "modern"),
    "epochs-to-25/relu": lambda b: _epochs_to_25(b, "modern-relu"),
    "epochs-to-25/tanh": lambda b: _epochs_to_25(b, "modern-tanh"),
    "residual/usual-rate": lambda b: difference(
        b.final("relatives", "cifar10", "modern-plain"),
        b.final("relatives-usual-rate", "cifar10", "modern-residual"),
    ),
}
