"""What several mixers need: a recurrent filter as a layer, the projections of H3, a memory beside the input."""
