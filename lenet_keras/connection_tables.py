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

#: LeNet-1, Table 1 of Le Cun et al. (1990): the maps of H2 that feed each map of H3.
#: 20 kernels, so 20 * 25 weights + 12 biases = 512 parameters.
LENET1_CONNECTIONS = (
    (0,),
    (0, 1),
    (0, 1),
    (1,),
    (0, 1),
    (0, 1),
    (2,),
    (2, 3),
    (2, 3),
    (3,),
    (2, 3),
    (2, 3),
)

#: LeNet-4: each of the 16 maps of C3 has three adjacent maps of S2 as inputs, out of
#: eight. The paper gives no table. If all maps of C3 have equally many inputs, only
#: three inputs per map agree with the paper's number of connections.
LENET4_CONNECTIONS = tuple(
    tuple(sorted((first + step) % 8 for step in range(3))) for first in range(16)
)
