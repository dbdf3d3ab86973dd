"""Runs all notebooks in order and stores their outputs, each whole or not at all.

    python notebooks/execute.py
    LENET_FULL=1 python notebooks/execute.py    the long versions, to read; not to store

What a kernel writes to stderr (progress bars, remarks on the processor) differs from
machine to machine and is not stored, and neither are sliders, which need a kernel.
"""

import os
import runpy
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
runpy.run_path(FOLDER.parent / "conftest.py")  # sets Keras's backend
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path):
    """Runs one notebook from top to bottom and puts the result in its place."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        resources={"metadata": {"path": FOLDER}},
        store_widget_state=False,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if is_stored(output)]
            cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata.pop("language_info", None)  # which Python it was
    beside = path.with_suffix(".running")
    nbformat.write(notebook, beside)
    os.replace(beside, path)


def is_stored(output):
    """Returns whether an output says something without the kernel that made it."""
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        start = time.perf_counter()
        execute(path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
