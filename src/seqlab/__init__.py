"""seqlab: a research bench for sequence models."""
