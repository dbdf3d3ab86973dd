"""How the notebooks are compared with their stored outputs."""

import os

from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_setup = IPyNbFile.setup


def _setup_without_stderr(self):
    # TensorFlow's remarks on the processor and the progress bars go to stderr.
    _setup(self)
    self.skip_compare = (*self.skip_compare, "stderr")


IPyNbFile.setup = _setup_without_stderr


def _stop_and_clean(self):
    # nbval kills the kernel. Asked to end, it removes its temporary files.
    self.kc.stop_channels()
    self.km.shutdown_kernel()


RunningKernel.stop = _stop_and_clean
