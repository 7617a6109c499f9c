"""Pages of the site that are generated from the registry and from the code."""
