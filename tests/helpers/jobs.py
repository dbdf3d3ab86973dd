"""Jobs that train nothing, for tests of sweeps."""

import dataclasses
import os
import time
from pathlib import Path

from lenet_study.training.job import Job


@dataclasses.dataclass(frozen=True)
class Waiting(Job):
    """Writes its process's number to one file, and waits until another is there."""

    started: str
    go: str

    def do(self, checkpoint=None, progress=None):
        with open(self.started, "a") as file:
            file.write(f"{os.getpid()}\n")
        for _ in range(6_000):  # ten minutes
            if Path(self.go).exists():
                break
            time.sleep(0.1)
        return {"status": "done", "row": {}, "history": []}
