"""How recipes are trained: jobs and their identity, runs, checkpoints, sweeps."""
