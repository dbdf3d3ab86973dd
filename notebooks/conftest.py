"""How the notebooks are compared with their stored outputs."""

import os

from nbval.plugin import IPyNbFile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_setup = IPyNbFile.setup


def _setup_without_stderr(self):
    # TensorFlow's remarks on the processor and the progress bars go to stderr.
    _setup(self)
    self.skip_compare = (*self.skip_compare, "stderr")


IPyNbFile.setup = _setup_without_stderr
