"""Results of runs: records, the folder that holds them, tables made from them, and images."""
