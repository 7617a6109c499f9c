"""HTML reports and figures of measured and published scores. Reads records and tables, and needs no torch."""
