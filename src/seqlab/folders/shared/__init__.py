"""What several formats need: configurations, shards, and the way from shards into a model."""
