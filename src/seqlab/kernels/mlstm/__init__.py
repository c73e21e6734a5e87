"""The matrix LSTM: a memory of outer products with a scalar input and forget gate per head."""

from seqlab.kernels.mlstm.dispatch import Form, mlstm, mlstm_step, way_of
from seqlab.kernels.mlstm.output import InputGate

__all__ = ["Form", "InputGate", "mlstm", "mlstm_step", "way_of"]
