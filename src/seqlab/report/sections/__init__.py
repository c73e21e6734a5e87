"""What pages are made of: each module tells one side of a run, or of several, as blocks."""
