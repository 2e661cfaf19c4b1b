"""The embedded data set: the film world, the simulated brains and the model zoo."""
