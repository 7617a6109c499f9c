"""The one training loop of all benchmarks that train: what a benchmark supplies, and what it gets back."""
