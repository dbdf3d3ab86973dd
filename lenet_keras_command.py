"""The command `lenet-keras`: it imports the package where Ctrl-C ends it quietly."""

import sys


def main():
    """Runs the command line of `lenet_keras.study.commands`."""
    try:
        from lenet_keras.study import commands

        commands.main()
    except KeyboardInterrupt:
        sys.exit(130)
