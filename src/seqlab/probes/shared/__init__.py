"""What several probes need: tensors in few numbers."""
