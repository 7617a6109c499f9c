"""What own records and the published tables say together: ranks, correlations, fronts, advice. Needs no torch."""
