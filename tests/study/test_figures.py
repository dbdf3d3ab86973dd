import ast
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from lenet_keras import activations, models, pretrained, rbf_codes
from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.counts import layer_table
from lenet_keras.preprocessing import SizeNormalized, prepare
from lenet_keras.reading import Reading
from lenet_study import figures
from lenet_study.datasets import load_mnist
from lenet_study.figures import style
from lenet_study.images.perturbations import AMOUNTS
from lenet_study.networks.anatomy import growth, receptive_fields
from lenet_study.questions.family import timeline
from lenet_study.read import Answer
from lenet_study.recipes import GROUPS
from lenet_study.results import NETWORK_TITLES, TITLES, complete_trainings
from lenet_study.studies import STUDIES, jobs

DOCS = Path(__file__).parents[2] / "docs"
RNG = np.random.default_rng(0)
HISTORY = pd.DataFrame(
    {"train_accuracy": [0.5, 0.75], "test_accuracy": [0.25, 0.5]},
    index=pd.Index([1, 2], name="epoch"),
)


def runs():
    common = {
        "epochs": 10,
        "trainable": 60_000,
        "connections": 340_908,
    }
    return pd.DataFrame(
        {"network": m, "dataset": d, "recipe": r, "test_error": 50.0, **common}
        for d in ("mnist", "cifar10-sample")
        for m, r in (("lenet5", "lenet5-adam"), ("lenet5_modern", "note-002"))
    )


def tables():
    return {
        "lenet5": layer_table(models.lenet5()),
        "lenet5_modern": layer_table(models.lenet5_modern()),
    }


PAPER = pd.DataFrame(
    {
        "x": [15_000, 60_000, 60_000],
        "test_error_percent": [1.5, 1.0, 0.75],
        "train_error_percent": [0.25, 0.5, np.nan],
    }
)


def history():
    plain, distorted = "lenet5-mnist", "lenet5-mnist-distorted"
    return pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "epoch": [1, 2, 1, 2],
            "train_images": 60_000,
            "recipe": [plain, plain, distorted, distorted],
            "test_error": [2.0, 1.0, 3.0, 0.5],
            "train_error": [4.0, 2.0, 6.0, 1.0],
        }
    )


def trials():
    rates = {
        "lowest_learning_rate": [1e-4, 1e-5, 1e-3],
        "median_learning_rate": [2e-4, 2e-5, 2e-3],
        "highest_learning_rate": [4e-4, 4e-5, 4e-3],
    }
    failure = ["", "Training saturated in epoch 1", ""]
    result = {"failure": failure, "error_2": [2.5, np.nan, 60.0]}
    return pd.DataFrame(rates | result, index=["a", "b", "c"])


def rungs():
    nothing = float("nan")
    return pd.DataFrame(
        {
            "is_baseline": False,
            "change": ["start", "better", "worse", "alike", "left out"],
            "note": [None, None, None, None, "no meaning here"],
            "errors": [[2.0, 2.2], [1.0, 1.2], [1.5, 1.7], [1.4, 1.8], nothing],
            "error": [2.1, 1.1, 1.6, 1.6, nothing],
            "error_low": [1.8, 0.9, 1.3, 1.0, nothing],
            "error_high": [2.4, 1.3, 1.9, 2.2, nothing],
            "difference": [nothing, -1.0, 0.5, 0.0, nothing],
            "is_difference": [None, True, True, False, None],
        }
    )


def seeds():
    before = pd.Series([2.0, 3.0], index=[0, 1])
    return before, pd.Series([2.75, 1.5], index=[1, 0])


def rates_tried():
    return pd.DataFrame(
        {
            "dataset": "mnist",
            "recipe": ["a", "a", "a", "b"],
            "learning_rate": [0.3, 0.1, 1.0, 0.1],
            "held_out_error": [25.0, 50.0, float("nan"), 75.0],
        }
    )


def perturbed():
    return pd.DataFrame(
        {
            "recipe": ["loss-9"] * 4 + ["fc-300"] * 4,
            "seed": [0, 0, 1, 1] * 2,
            "perturbation": "scale",
            "amount": [1.0, 2.0] * 4,
            "accuracy": [1.0, 0.5, 0.9, 0.6, 0.9, 0.2, 0.9, 0.2],
        }
    )


def line_of_two():
    distances = np.full((6, 10), 50.0)
    distances[1, 3], distances[4, 8] = 1.0, 2.0
    path = np.array([10, 3, 10, 10, 8, 10])
    return Reading("38", (1, 4), path, distances)


def answer_of_two():
    seen = SizeNormalized(RNG.integers(0, 256, (32, 52)), (9, 5, 29, 75), "dark", 90)
    path = [(3, 1), (8, 4)]
    costs = probabilities = RNG.random((6, 11))
    photo = RNG.integers(0, 256, (40, 80, 3))
    return Answer("38", 0.9, "33", "38", photo, seen, path, costs, probabilities)


def lines_measured():
    errors = {"slid_line_error": [2.0, 4.0] * 2, "cut_line_error": [9.0, 8.0] * 2}
    kinds = {"kind": ["spaced", "spaced", "touching", "touching"], "length": [2, 3] * 2}
    return pd.DataFrame({"network": "lenet5-mnist"} | kinds | errors)


def curves():
    return pd.DataFrame(
        {
            "recipe": ["modern"] * 4 + ["modern-relu"] * 4,
            "seed": [0, 0, 1, 1] * 2,
            "epoch": [1, 2] * 4,
            "train_error": [60, 40, 50, 30, 70, 50, 60, 40],
        }
    )


DRAWINGS = {
    "architecture": lambda: figures.architecture(models.lenet5()),
    "images": lambda: figures.images(RNG.random((3, 8, 8)), titles="abc"),
    "activations": lambda: figures.activations(
        {"1998": activations.scaled_tanh, "swish": keras.activations.swish}
    ),
    "receptive_fields": lambda: figures.receptive_fields(
        RNG.random((32, 32)), receptive_fields(models.lenet5())
    ),
    "connection_table": lambda: figures.connection_table(C3_CONNECTIONS),
    "codes": lambda: figures.codes(rbf_codes("A$^"), "A$^"),
    "one_map": lambda: figures.one_map(
        RNG.random((14, 14, 6)),
        RNG.random((5, 5, 6, 16)),
        C3_CONNECTIONS,
        3,
        RNG.random((10, 10, 16)),
    ),
    "feature_maps": lambda: figures.feature_maps(
        {"C1": RNG.random((28, 28, 6)), "C3": RNG.random((10, 10, 16))}
    ),
    "answers_along": lambda: figures.answers_along(
        RNG.random((32, 60)), RNG.random((8, 10))
    ),
    "distances": lambda: figures.distances(RNG.random(10), right=3),
    "digit_read": lambda: figures.digit_read(
        RNG.random((28, 28)),
        RNG.random(84),
        {"distances": RNG.random(10), "probabilities": RNG.random(10)},
        "a 3",
    ),
    "posterior": lambda: figures.posterior(10 * RNG.random(10), 5.0, right=3),
    "layer_counts": lambda: figures.layer_counts(tables()),
    "learning_curves": lambda: figures.learning_curves({"lenet5": HISTORY}),
    "confusion_matrices": lambda: figures.confusion_matrices(
        np.array([0, 1, 2]), {"lenet5": np.array([0, 1, 1])}
    ),
    "worst_mistakes": lambda: figures.worst_mistakes(
        RNG.random((4, 8, 8)), np.array([0, 1, 1, 0]), RNG.random((4, 2))
    ),
    "comparison": lambda: figures.comparison(runs(), complete_trainings()),
    "rates": lambda: figures.rates({"C1": RNG.random(9), "F6": RNG.random((3, 3))}),
    "kernels": lambda: figures.kernels(RNG.random((5, 5, 6))),
    "errors_by_epoch": lambda: figures.errors_by_epoch(history(), PAPER),
    "errors_by_train_size": lambda: figures.errors_by_train_size(history(), PAPER),
    "rejection_curves": lambda: figures.rejection_curves(
        {"ours": ([0.0, 50.0], [1.0, 0.0])}, [("LeNet-1", 3.7, 0.5)]
    ),
    "signals": lambda: figures.signals(
        pd.DataFrame({"ours": [1.0, 0.1]}, ["C1", "F6"])
    ),
    "rate_ranges": lambda: figures.rate_ranges(trials()),
    "ladder": lambda: figures.ladder({"mnist": rungs(), "cifar10": rungs()}),
    "pairs": lambda: figures.pairs(*seeds(), ["before", "after"]),
    "rate_grids": lambda: figures.rate_grids(rates_tried(), ["a", "b"]),
    "perturbed": lambda: figures.perturbed(perturbed()),
    "timeline": lambda: figures.timeline(timeline()),
    "block": lambda: figures.block([["3x3", "3x3"], []], "add"),
    "stacks": lambda: figures.stacks({3.0: (351, 363), 4.0: (612, 484)}, 3.6),
    "training_errors": lambda: figures.training_errors(
        curves(), {"modern": "swish", "modern-relu": "ReLU"}, level=35
    ),
    "line_read": lambda: figures.line_read(RNG.random((32, 52)), line_of_two(), 9.0),
    "photo_read": lambda: figures.photo_read(answer_of_two()),
    "lines": lambda: figures.lines(RNG.random((3, 32, 60)), ["12", "34", "5, not 6"]),
    "line_errors": lambda: figures.line_errors(lines_measured()),
    "reliability": lambda: figures.reliability(bins_measured()),
    "growth": lambda: figures.growth({"LeNet-5": growth(models.lenet5, [32, 64])}),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_drawing_returns_a_figure_and_leaves_none_open(draw, tmp_path):
    before = {key: plt.rcParams[key] for key in style.STYLE}
    figure = draw()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert {key: plt.rcParams[key] for key in style.STYLE} == before
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1_000


def test_every_figure_of_a_room_is_public_and_is_drawn_here():
    rooms = Path(figures.__file__).parent
    names = [
        node.name
        for room in ("images", "networks", "results", "training")
        for node in ast.parse((rooms / f"{room}.py").read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert len(names) >= 36
    assert sorted(figures.__all__) == sorted([*names, "Animation"])
    assert sorted(DRAWINGS) == sorted(names)
    assert all(getattr(figures, name).__doc__ for name in names)


def test_a_saved_figure_has_the_resolution_of_the_style(tmp_path):
    figure = figures.distances(RNG.random(10), right=3)
    assert figure.dpi == style.STYLE["figure.dpi"]
    figure.savefig(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        size = figure.get_size_inches() * style.STYLE["savefig.dpi"]
        assert image.size == tuple(size.astype(int)) == (900, 360)


def test_a_figure_keeps_the_style_when_it_is_shown():
    figure = figures.distances(RNG.random(10), right=3)
    figure.draw_without_rendering()
    lines = figure.axes[0].get_ygridlines()
    assert {line.get_color() for line in lines} == {style.STYLE["grid.color"]}


def test_every_drawing_is_tested():
    public = {
        name
        for name, value in vars(figures).items()
        if getattr(value, "__module__", "").startswith(figures.__name__)
    }
    assert public == {*DRAWINGS, "Animation"}


def test_learning_curves_show_errors_in_percent():
    ax = figures.learning_curves({"lenet5": HISTORY}).axes[0]
    curves = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert curves == {
        "training images, on the fly": [50.0, 25.0],
        "test images, after the epoch": [75.0, 50.0],
    }


def test_the_confusion_matrix_counts_right_classes_down_and_answers_across():
    labels, given = np.array([2, 2, 2, 0]), np.array([1, 1, 2, 0])
    ax = figures.confusion_matrices(labels, {"lenet5": given}).axes[0]
    counts = {text.get_position(): text.get_text() for text in ax.texts}
    assert counts == {(1, 2): "2", (2, 2): "1", (0, 0): "1"}
    assert "2 mistakes" in ax.get_title()


def test_answers_stand_at_the_centre_of_their_field():
    distances = np.full((3, 4), 9.0)
    distances[[0, 1, 2], [2, 0, 3]] = [1.0, 2.0, 3.0]
    _, below = figures.answers_along(np.zeros((8, 12)), distances, 8, 2).axes
    (line,) = below.lines
    assert line.get_xdata().tolist() == [3.5, 5.5, 7.5]
    assert line.get_ydata().tolist() == [1, 2, 3]
    assert [text.get_text() for text in below.texts] == ["2", "0", "3"]
    assert below.get_xlim() == (-0.5, 11.5)


def test_a_line_read_has_its_digits_and_its_path_at_the_centres():
    above, below = figures.line_read(np.zeros((32, 52)), line_of_two(), 9.0).axes
    digits = {text.get_position()[0]: text.get_text() for text in above.texts}
    assert digits == {19.5: "3", 31.5: "8"}
    (path,) = below.lines
    assert path.get_xdata().tolist() == [15.5, 19.5, 23.5, 27.5, 31.5, 35.5]
    assert path.get_ydata().tolist() == [10, 3, 10, 10, 8, 10]
    costs = below.images[0].get_array()
    assert costs.shape == (11, 6)
    assert (costs[10] == 9.0).all()
    assert below.get_xlim() == above.get_xlim() == (-0.5, 51.5)


@pytest.mark.parametrize("name", ["comparison", "perturbed", "line_errors"])
def test_a_legend_below_the_panels_has_each_label_once(name):
    figure = DRAWINGS[name]()
    (legend,) = figure.legends
    labels = [line.get_label() for ax in figure.axes for line in ax.lines]
    assert [text.get_text() for text in legend.texts] == list(dict.fromkeys(labels))
    assert len(set(labels)) > 1


def test_one_bar_stands_out():
    bars = figures.distances(np.arange(1, 11), right=3).axes[0].patches
    colors = [bar.get_facecolor() for bar in bars]
    assert len(set(colors)) == 2
    assert colors.count(colors[3]) == 1


def bins_measured():
    """The bins of two networks; the second has one with few images."""
    rows = [
        ("lenet5-mnist", 0.5, 0.25, 100),
        ("lenet5-mnist", 0.9, 0.75, 20),
        ("lenet5-cifar10", 0.3, 1.0, 19),
        ("lenet5-cifar10", 0.7, 0.5, 50),
    ]
    return pd.DataFrame(rows, columns=["network", "confidence", "accuracy", "images"])


def test_reliability_has_a_panel_a_data_set_without_bins_of_few_images():
    photographs, digits = figures.reliability(bins_measured()).axes
    assert (photographs.get_title(), digits.get_title()) == ("CIFAR-10", "MNIST")
    assert digits.lines[0].get_xydata().tolist() == [[0.5, 25], [0.9, 75]]
    assert photographs.lines[0].get_xydata().tolist() == [[0.7, 50]]
    assert digits.lines[1].get_xydata().tolist() == [[0, 0], [1, 100]]


def test_line_errors_have_a_panel_a_kind_and_what_cutting_gives():
    spaced, touching = figures.line_errors(lines_measured()).axes
    assert (spaced.get_title(), touching.get_title()) == ("spaced", "touching")
    slid, cut = touching.lines
    assert slid.get_xydata().tolist() == [[2, 2], [3, 4]]
    assert cut.get_xydata().tolist() == [[2, 9], [3, 8]]


def test_the_worst_mistakes_are_the_surest_wrong_answers_in_order():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.99, 0.01], [0.6, 0.4]])
    figure = figures.worst_mistakes(np.zeros((4, 2, 2)), labels, probabilities, "ab")
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["b,\nnot a", "a,\nnot b", "b,\nnot a"]


def test_the_connection_table_marks_the_links():
    picture = figures.connection_table(((0, 2), (1,))).axes[0].images[0].get_array()
    marked = ~np.ma.getmaskarray(np.ma.masked_invalid(picture))
    assert marked.tolist() == [[True, False], [False, True], [True, False]]


def test_the_comparison_has_a_point_a_run_on_each_data_set():
    axes = figures.comparison(runs(), complete_trainings()).axes
    titles = [ax.get_title() for ax in axes]
    assert titles == ["MNIST"] * 2 + ["CIFAR-10 sample"] * 2
    for ax, counts in zip(axes, [60_000, 340_908] * 2, strict=True):
        assert (ax.get_xlim()[0], ax.get_ylim()[0]) == (0, 0)
        points = [line.get_xydata()[0].tolist() for line in ax.lines[2:]]
        assert points == [[counts, 50.0], [counts, 50.0]]
        hollow = [line.get_markerfacecolor() == "none" for line in ax.lines]
        assert hollow == [False, False, True, True]
        assert [line.get_marker() for line in ax.lines] == ["o", "o", "o", "D"]
    complete = pretrained.records()["lenet5-mnist-best"]["test_errors"] / 100
    assert min(axes[0].lines[0].get_ydata()) == pytest.approx(complete)


def test_errors_by_epoch_have_a_line_a_seed_and_the_papers():
    test, train = figures.errors_by_epoch(history(), PAPER).axes
    lines = [line.get_ydata().tolist() for line in test.lines]
    assert lines == [
        pytest.approx([2.0, 1.0]),
        pytest.approx([3.0, 0.5]),
        [1.5, 1.0, 0.75],
    ]
    assert train.lines[1].get_ydata().tolist() == pytest.approx([6.0, 1.0])
    assert test.get_title() == "test error, %"
    assert train.get_title() == "training error on the fly, %"


def test_errors_by_train_size_tell_distorted_runs_from_plain_ones():
    ax = figures.errors_by_train_size(history(), PAPER).axes[0]
    points = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert points == {
        "ours": pytest.approx([2.0, 1.0]),
        "ours, with distortions": pytest.approx([3.0, 0.5]),
        "the paper's": [1.5, 1.0],
        "the paper's, with distortions": [0.75],
    }


def test_rate_ranges_keep_the_interpretations_in_order_and_tell_which_train():
    ax = figures.rate_ranges(trials()).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    points = {part.get_label(): part.get_offsets().tolist() for part in ax.collections}
    assert points["below 5 % errors after two epochs"] == [[2e-4, 0]]
    assert points["5 to 70 %"] == [[2e-3, 2]]
    assert points["saturates"] == [[2e-5, 1]]
    trained, _, saturated = (
        part for part in ax.collections if isinstance(part, LineCollection)
    )
    assert [line.tolist() for line in saturated.get_segments()] == [
        [[1e-5, 1], [4e-5, 1]]
    ]
    assert len(trained.get_segments()) == 1


def test_the_ladder_fills_the_points_of_differences_only():
    ax = figures.ladder({"mnist": rungs()}).axes[0]
    heights = {
        line.get_ydata()[0]: (line.get_marker(), line.get_markerfacecolor())
        for line in ax.lines
        if line.get_markersize() == 7
    }
    assert heights == {
        0: ("o", "0.25"),
        1: ("<", style.GREEN),
        2: (">", style.RED),
        3: ("o", "white"),
    }
    assert [text.get_text() for text in ax.texts] == ["no meaning here"]


def test_the_ladder_says_in_words_which_change_is_better():
    words = repr(figures.ladder({"mnist": rungs()})).splitlines()
    said = [line.split("'")[1] for line in words if line.startswith("  line '")]
    assert said == ["better", "worse", "no difference"]


def test_the_ladder_draws_each_interval_and_each_run():
    ax = figures.ladder({"mnist": rungs()}).axes[0]
    bars = [line.get_xdata() for line in ax.lines if line.get_marker() == "None"]
    assert [0.9, 1.3] in [list(bar) for bar in bars]
    runs = [list(line.get_xdata()) for line in ax.lines if line.get_markersize() == 3]
    assert runs == [[2.0, 2.2], [1.0, 1.2], [1.5, 1.7], [1.4, 1.8]]


def test_perturbed_lines_are_means_over_the_seeds():
    ax = figures.perturbed(perturbed()).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert list(lines) == ["LeNet-5 (1998)", "28x28-300-10"]
    np.testing.assert_allclose(lines["LeNet-5 (1998)"], [5, 45])
    np.testing.assert_allclose(lines["28x28-300-10"], [10, 80])
    assert ax.get_xscale() == "log"
    assert ax.get_title() == "scale"


def test_every_network_that_is_tried_has_a_line_of_its_own():
    studies = ("robustness", "lines", "certainty")
    shipped = jobs([job for study in studies for job in STUDIES[study]["jobs"]])
    assert set(figures.TRAINED_STYLES) == {
        *GROUPS["claims"],
        *(job.network for job in shipped),
    }
    titles = {NETWORK_TITLES[recipe] for recipe in figures.TRAINED_STYLES}
    assert len(titles) == len(figures.TRAINED_STYLES)
    assert set(TITLES["units"]) == set(AMOUNTS)


def test_pairs_join_the_runs_of_one_seed():
    ax = figures.pairs(*seeds(), ["before", "after"]).axes[0]
    assert [list(line.get_ydata()) for line in ax.lines] == [[2.0, 1.5], [3.0, 2.75]]


def test_rate_grids_mark_the_lowest_held_out_error():
    first, second = figures.rate_grids(rates_tried(), ["a", "b"]).axes
    line, best = first.lines
    assert list(line.get_xdata()) == [0.1, 0.3]  # what diverged is left out
    assert list(line.get_ydata()) == [50.0, 25.0]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (0.3, 25.0)
    assert second.lines[1].get_ydata()[0] == 75.0


def test_stacks_show_where_the_lines_cross():
    # 9 N + 36 N ** 2 and 121 N, of one map.
    counted = {n: (9 * n + 36 * n**2, 121 * n) for n in np.arange(1, 5, 0.25)}
    ax = figures.stacks(counted, claimed=3.6).axes[0]
    assert [text.get_text().strip() for text in ax.texts] == ["3.11", "3.6 claimed"]


def test_training_errors_are_means_over_the_seeds_in_percent():
    ax = figures.training_errors(curves(), {"modern-relu": "ReLU"}, 35).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(drawn["ReLU"], [65, 45])
    *runs, mean, level = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(np.mean(runs, axis=0), mean)
    assert len(runs) == 2
    assert list(level) == [35, 35]


def test_the_timeline_has_published_figures_where_there_are_some():
    table = timeline()
    for ax, count in zip(
        figures.timeline(table).axes,
        ["parameters", "connections", "multiply_adds"],
        strict=True,
    ):
        assert ax.lines[0].get_xdata().tolist() == table["year"].tolist()
        counted, published = (line.get_ydata() for line in ax.lines)
        np.testing.assert_array_equal(counted, table[count])
        np.testing.assert_array_equal(published, table[f"published_{count}"])


def test_the_way_of_a_digit_is_drawn_from_the_trained_network(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import journey

    _, (x, _) = load_mnist()
    model = pretrained.load_pretrained("lenet5-mnist-robust")
    figure = journey.journey(model, x[0])
    (ax,) = figure.axes
    f6 = keras.Model(model.input, model.get_layer("F6").output)
    features = np.asarray(f6(prepare(x[0])))[0]
    drawn = [image.get_array() for image in ax.images]
    np.testing.assert_array_equal(drawn[6].ravel(), features)
    distances = np.square(features - rbf_codes("0123456789")).sum(axis=1)
    nearest = distances.argsort()[:3]
    for picture, digit in zip(drawn[7:], nearest, strict=True):
        np.testing.assert_array_equal(picture.ravel(), rbf_codes(str(digit))[0])
    told = [f"{digit}: {distances[digit]:.0f}" for digit in nearest]
    words = [text.get_text() for text in ax.texts]
    assert [word for word in words if word[:1].isdigit() and ": " in word] == told
    stored = journey.PICTURE.read_text("utf-8")
    assert all(word in stored.replace("\\n", "\n") for word in told)


def test_maps_are_tiled_side_by_side_with_gaps(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from journey import tiled

    maps = RNG.random((3, 4, 5))
    sheet = tiled(maps, columns=2)
    assert sheet.shape == (3 * 3 + 2, 2 * 4 + 1)
    np.testing.assert_array_equal(sheet[4:7, 5:], maps[..., 3])
    assert np.isnan(sheet[3]).all()
    assert np.isnan(sheet[:, 4]).all()
