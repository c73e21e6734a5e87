"""What several mixers need: a recurrent filter as a layer, a memory beside the input."""
