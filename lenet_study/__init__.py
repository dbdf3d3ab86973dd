"""The comparison of the networks, from recipe to result: the extra `study`."""
