import numpy as np

from lenet_keras.connection_tables import (
    C3_CONNECTIONS,
    LENET1_CONNECTIONS,
    LENET4_CONNECTIONS,
)

# Table I as printed in the paper: one row per map of S2, one column per map of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def test_c3_connections_are_table_1():
    rows = TABLE_I.split()
    expected = np.array([[cell == "X" for cell in row] for row in rows])
    links = np.zeros((6, 16), bool)
    for output_map, entry in enumerate(C3_CONNECTIONS):
        links[list(entry), output_map] = True
    np.testing.assert_array_equal(links, expected)


def test_c3_connections_are_60_different_links():
    links = [(i, k) for k, entry in enumerate(C3_CONNECTIONS) for i in entry]
    assert len(links) == len(set(links)) == 60


def test_c3_maps_see_three_four_or_six_maps():
    assert [len(entry) for entry in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]


def test_each_s2_map_feeds_ten_c3_maps():
    for input_map in range(6):
        assert sum(input_map in entry for entry in C3_CONNECTIONS) == 10


# Table 1 of the paper of 1990 in the other direction, counted from 1: the maps of H3
# that each map of H2 feeds.
FED_BY_H2 = {
    1: {1, 2, 3, 5, 6},
    2: {2, 3, 4, 5, 6},
    3: {7, 8, 9, 11, 12},
    4: {8, 9, 10, 11, 12},
}


def test_lenet1_connections_are_table_1_of_1990():
    links = {
        (i + 1, k + 1) for k, entry in enumerate(LENET1_CONNECTIONS) for i in entry
    }
    assert links == {(i, k) for i, fed in FED_BY_H2.items() for k in fed}
    assert len(links) == 20


def test_each_of_lenet4s_maps_sees_three_neighbours():
    assert LENET4_CONNECTIONS[:3] == ((0, 1, 2), (1, 2, 3), (2, 3, 4))
    assert LENET4_CONNECTIONS[5:8] == ((5, 6, 7), (0, 6, 7), (0, 1, 7))
    assert LENET4_CONNECTIONS[:8] == LENET4_CONNECTIONS[8:]
