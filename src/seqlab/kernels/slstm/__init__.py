"""The scalar LSTM: exponential gates and a recurrence within each head."""

from seqlab.kernels.slstm.dispatch import slstm

__all__ = ["slstm"]
