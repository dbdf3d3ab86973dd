"""How Sphinx makes the site, of docs/, the notebooks and the docstrings.

The sources are the whole project, so that a link from a page to a notebook, a picture
or a results file is the same on the site as in any viewer of the repository.
"""

import hashlib
import json
import re
from base64 import b64decode
from pathlib import Path
from types import FunctionType

from docutils import nodes
from latex2mathml.converter import convert
from sphinx import addnodes
from sphinx.util import inspect, logging

import lenet_keras

logger = logging.getLogger(__name__)

project = "lenet_keras"
author = "The lenet_keras maintainers"
copyright = f"{author}, MIT licence"
version = release = lenet_keras.__version__

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "data/**.md",
    "benchmarks/README.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["docs/_*", ".*", "**/.*", "build", "results", "data/paper"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]

# Pages and notebooks. A notebook shows what is stored in it.
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
highlight_language = "none"  # what names no language is shell, or output
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # would come from another host

# Docstrings. Single backticks are code, and a link where the name is on the site.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:obj", "(?s).*")]
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
napoleon_custom_sections = [
    ("Attributes", "params_style"),
    "Returns",  # prose, not "type: description"
    "Input shape",
    "Output shape",
    "Reference",
]

html_theme = "pydata_sphinx_theme"
html_title = f"lenet_keras {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_root"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": project},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"docs/index": []}


def mathml(writer, node):
    """Writes a formula as MathML, which browsers show without a script.

    Not all of LaTeX becomes MathML; what did not is left in it as it was. For formulas
    of several lines take `split`.
    """
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    formula = convert(node.astext(), display=display)
    if left := re.search(r"\\\w*|&(?!#?\w+;)", formula):
        logger.warning("formula has %r, which is not known", left[0], location=node)
    if display == "block":
        formula = f'<div class="formula">{formula}</div>'
    writer.body.append(formula)
    raise nodes.SkipNode


def title_table(app, docname, source):
    """Gives a stored table, which is no more than that, the title that a page needs."""
    if docname.startswith("data/results/") and not source[0].startswith("#"):
        source[0] = f"# {docname.removeprefix('data/results/')}\n\n{source[0]}"


def unlink_folders(app, doctree):
    """Leaves the words of each link to a folder, which is no page."""
    folder = Path(app.env.doc2path(app.env.current_document.docname)).parent
    for link in doctree.findall(addnodes.pending_xref):
        if link["reftype"] == "myst" and (folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def words_of_pictures(app, doctree):
    """Gives each picture of a notebook the words that are stored beside it."""
    path = Path(app.env.doc2path(app.env.current_document.docname))
    if path.suffix != ".ipynb":
        return
    words = {
        hashlib.sha256(b64decode(output["data"]["image/png"])).hexdigest(): told["alt"]
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if (told := output.get("metadata", {}).get("image/png"))
    }
    for image in doctree.findall(nodes.image):
        image["alt"] = words[Path(image["uri"]).stem]


def before_napoleon(app, what, name, obj, options, lines):
    """Makes Napoleon read docstrings as they are meant here.

    After "Example:" Keras's docstrings do not indent. What stands before the first
    colon of an attribute's is no type, if an empty comment precedes it.
    """
    lines[:] = [".. rubric:: Example" if line == "Example:" else line for line in lines]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def signature_of_class(app, what, name, obj, options, signature, returns):
    """Shows what `__init__` takes; Keras's classes take `*args, **kwargs` before it."""
    if what == "class" and isinstance(vars(obj).get("__init__"), FunctionType):
        own = inspect.signature(obj.__init__, bound_method=True)
        return inspect.stringify_signature(own, show_annotation=False), None
    return None


def setup(app):
    """Adds what the site needs to Sphinx."""
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.connect("source-read", title_table)
    app.connect("doctree-read", unlink_folders)
    app.connect("doctree-read", words_of_pictures)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-signature", signature_of_class)
