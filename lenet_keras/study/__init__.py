"""The comparison of the networks, from recipe to result. It needs the extra `study`."""

import lenet_keras.datasets  # noqa: F401  (its error says which extra is missing)
