"""The project's studies: what each one trains or measures, what it shows, and where.

studies.toml has them, as data.
"""

import itertools

import pandas as pd

from lenet_study.questions.certainty import Certainty
from lenet_study.questions.corruptions import Corrupted
from lenet_study.questions.interpretations import Trial
from lenet_study.questions.perturbations import Robustness
from lenet_study.questions.readers import Reader
from lenet_study.recipes import GROUPS, RECIPES
from lenet_study.settings import tables
from lenet_study.training.sweep import grid

STUDIES = tables("studies.toml")
# What a grid of trainings is without its own settings.
DEFAULTS = {"datasets": ["mnist", "cifar10"], "seeds": 1, "tune": False}
DEFAULTS |= {"overrides": {}, "instead": {"nothing": {}}}
OTHER_JOBS = {"trial": Trial, "robustness": Robustness, "reader": Reader}
OTHER_JOBS |= {"corrupted": Corrupted, "certainty": Certainty}


def jobs(grids, tuned=None):
    """Returns the jobs of some grids.

    Args:
        grids: List of dictionaries, as in studies.toml.
        tuned: Optional function that chooses learning rates, as
            `lenet_study.training.sweep.tuned` does, for a grid with `tune`. By default
            each recipe has its own learning rate.

    Returns:
        List of `Run`, or of other jobs for `lenet_study.training.sweep.sweep`.

    Example:

    >>> [run.name for run in jobs([{"recipes": ["note-002"], "seeds": 1}])]
    ['note-002, mnist, seed 0', 'note-002, cifar10, seed 0']
    """
    found = []
    for own in grids:
        found += _others(**own) if "job" in own else _runs(tuned, **DEFAULTS | own)
    return found


def _others(job, **arguments):
    kind, values = OTHER_JOBS[job], itertools.product(*arguments.values())
    return [kind(**dict(zip(arguments, own, strict=True))) for own in values]


def _runs(tuned, recipes, datasets, seeds, tune, overrides, instead, **settings):
    recipes = list(dict.fromkeys(r for n in recipes for r in GROUPS.get(n, [n])))
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    images = settings.get("train_images")
    rates = tuned(recipes, datasets, train_images=images) if tune and tuned else {}
    runs = []
    for recipe, changes in itertools.product(recipes, instead.values()):
        own = changed(recipe, overrides | changes)
        runs += grid([recipe], datasets, seeds, rates, own, **settings)
    return runs


def changed(recipe, settings):
    """Returns overrides of a recipe: `loss_arguments.j` changes one argument alone.

    Args:
        recipe: Name of a recipe.
        settings: Dictionary of overrides. A name may have a dot.

    Example:

    >>> changed("lenet5-cifar10", {"epochs": 2, "loss_arguments.j": 5})
    {'epochs': 2, 'loss_arguments': {'j': 5, 'temperature': 20.0}}
    """
    overrides = {}
    for name, value in settings.items():
        field, _, argument = name.partition(".")
        before = overrides.get(field, getattr(RECIPES[recipe], field, None))
        if argument and isinstance(before, dict):
            name, value = field, before | {argument: value}
        overrides[name] = value
    return overrides


def titled(study):
    """Returns the runs of a study by recipe and by the title of what was tried.

    Args:
        study: `"choices"` or `"ingredients"`.
    """
    tried = {}
    for own in STUDIES[study]["jobs"]:
        for title, changes in own["instead"].items():
            for run in jobs([own | {"instead": {title: changes}}]):
                tried.setdefault(run.recipe, {})[title] = run
    return tried


def comparison(full, seeds, cifar10="cifar10"):
    """Returns the grids that compare the two networks.

    Args:
        full: Whether to do the study `compare`, ten epochs. Otherwise each network has
            the short recipe of its data set.
        seeds: Number of seeds.
        cifar10: `"cifar10"` or `"cifar10-sample"`, for the short recipes.
    """
    study = STUDIES["compare"]
    short = [study["short"][dataset] for dataset in ("mnist", cifar10)]
    return [own | {"seeds": seeds} for own in (study["jobs"] if full else short)]


def overview():
    """Returns the studies as `pandas.DataFrame`: each one's command and its pages."""
    return pd.DataFrame(
        {
            "study": f"`{name}.jsonl`",
            "command": f"`lenet-keras sweep {name}`",
            "what it shows": study["shows"],
            "page": ", ".join(f"[{p}](../../docs/{p}.md)" for p in study["page"]),
        }
        for name, study in STUDIES.items()
    )
