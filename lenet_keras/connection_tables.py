"""The input maps of each output map, as tuples for `ConnectionTableConv2D`."""

#: Table I of LeCun et al. (1998): the maps of S2 that feed each map of C3.
#: 60 kernels, so 60 * 25 weights + 16 biases = 1,516 parameters.
C3_CONNECTIONS = (
    (0, 1, 2),  # six contiguous triples
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),  # six contiguous quadruples
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),  # three discontinuous quadruples
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),  # all six
)
