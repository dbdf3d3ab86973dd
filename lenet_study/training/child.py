"""The process of one job of a sweep: python -m lenet_study.training.child.

It reads a line of JSON: the kind of the job, its fields, and the path of its
checkpoint. It prints lines of JSON: the number of epochs that are done, again and
again, and at last the result, or why it failed. It ends when its input ends.
"""

import json
import os
import pkgutil
import sys
import threading
from pathlib import Path

from lenet_study.extras import quietly


def main():
    """Does the job."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print is no line of JSON

    def tell(**told):
        print(json.dumps(told), file=lines, flush=True)

    kind, fields, checkpoint = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        with quietly():
            from lenet_study.training.job import one_thread

            job = pkgutil.resolve_name(kind)(**fields)
        one_thread()  # several jobs at once are faster than one job on several threads
        done = job.do(Path(checkpoint), lambda epochs: tell(epochs=epochs))
        tell(result={"id": job.id} | done)
    except Exception as error:
        tell(failed=f"{type(error).__name__}: {error}")


def _end_with_input():
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
