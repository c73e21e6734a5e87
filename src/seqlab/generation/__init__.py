"""Generation: symbols out of a model, one at a time, with a state."""
