"""How images are changed: affine maps, elastic bending, lines, perturbations."""
