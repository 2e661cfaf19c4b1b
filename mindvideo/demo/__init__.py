"""The embedded data set: the film world, the simulated brains, the model zoo."""
