"""Speed of lnkit and of a baseline, measured in turns: ratios of medians, beside the peak of the machine."""
