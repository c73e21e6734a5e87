"""Pure functions of tensors, one folder an operation.

`reference.py` is slow and obvious and is the law; `fast.py` says the same quickly in torch's operations; where there
are such, `native.py` in C++ and `triton.py` on a GPU. `dispatch.py` alone picks one, by what is given and what could be
compiled here, so that the same call always runs the same arithmetic. It tells `seqlab.kernels.taken` which.

Shapes: b batch, l length, d and e features, h heads, g groups of heads that share keys and values, k taps, j taps of
a short convolution, m keys, s slots (what one linear of the input gives) or sequences, p and q the parts of a number:
1, or 2 for a real and an imaginary one; pairs of positions, i < j. `*bl` is both axes or none. A package that takes
float32 and wider alone says `WIDE_ONLY = True`.
"""
