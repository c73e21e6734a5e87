"""What several methods need: resets of chosen units, and what an act changed."""
