"""The executors in lnkit: this machine, SLURM and Ray."""
