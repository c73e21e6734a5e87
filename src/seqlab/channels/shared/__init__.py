"""What several channel mixers need: a gated feed-forward layer."""
