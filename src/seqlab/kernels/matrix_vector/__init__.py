"""A matrix times a few vectors: what a step of generation is made of, limited by how fast the weights are read."""

from seqlab.kernels.matrix_vector.dispatch import FEW, matrix_vector, matrix_vector_int4, matrix_vector_int8, serves
from seqlab.kernels.matrix_vector.packing import GROUP, pack_int4, pack_int8, unpack_int4

__all__ = [
    "FEW",
    "GROUP",
    "matrix_vector",
    "matrix_vector_int4",
    "matrix_vector_int8",
    "pack_int4",
    "pack_int8",
    "serves",
    "unpack_int4",
]
