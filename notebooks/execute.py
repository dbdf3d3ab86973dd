"""Runs all notebooks in order and stores their outputs, each whole or not at all.

    python notebooks/execute.py
    LENET_FULL=1 python notebooks/execute.py    the long versions, to read; not to store

What a kernel writes to stderr (progress bars, remarks on the processor) differs from
machine to machine and is not stored.
"""

import os
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def execute(path):
    """Runs one notebook from top to bottom and puts the result in its place."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        resources={"metadata": {"path": FOLDER}},
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata.pop("language_info", None)  # which Python it was
    beside = path.with_suffix(".running")
    nbformat.write(notebook, beside)
    os.replace(beside, path)


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        start = time.perf_counter()
        execute(path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
