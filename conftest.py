"""The tests and the notebooks run on TensorFlow, with Keras's own defaults.

The expected results come from there. Without this, the shell or ~/.keras/keras.json may
choose another backend or type of numbers. The Makefile sets the same.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["KERAS_HOME"] = str(Path(__file__).with_name(".keras"))  # Keras makes it
