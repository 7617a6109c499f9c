"""Speed, measured side by side in one process: ratios of medians, with what the machine can do at best beside them."""
