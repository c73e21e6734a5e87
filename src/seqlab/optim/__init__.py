"""Optimisers, learning-rate schedules, and which parameters get which settings."""
