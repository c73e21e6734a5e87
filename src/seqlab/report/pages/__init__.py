"""What stands on the page of a run, of a sweep, of the runs of a query, and of a stretch of the lab book."""
