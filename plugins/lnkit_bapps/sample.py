"""A small data set in the layout of BAPPS, made on the spot."""

SAMPLE_PREFIX = "sample_"
SAMPLE_NOTE = (
    "sample: 64 px crops of scikit-image's photographs; its judgments are constructions (the weaker distortion is "
    "closer), not people's answers"
)
