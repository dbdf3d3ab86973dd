import numpy as np

from lenet_keras.connection_tables import C3_CONNECTIONS

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
