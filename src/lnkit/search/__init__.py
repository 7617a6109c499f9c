"""Search for the loss network that serves a benchmark best."""
