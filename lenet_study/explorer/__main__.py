"""Writes the explorer's page: `python -m lenet_study.explorer PATH`."""

import sys
from pathlib import Path

from lenet_study.explorer import page

page(path := Path(sys.argv[1]))
print(path)
