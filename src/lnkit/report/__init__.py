"""Pages and pictures of what was measured and published. Reads records and tables, and needs no torch."""
