"""Where the parts of the data lie in the folder that a user names; the judged triplets are in ``2afc``."""

LABELLED = "labelled"  # a folder, or an archive of that name
TID2013 = "tid2013"
