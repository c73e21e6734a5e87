"""Pure functions of tensors, one folder an operation.

`reference.py` is slow and obvious and is the law; `fast.py` says the same quickly; `dispatch.py` alone picks one, by
shape, dtype and device and nothing else, so that the same call always runs the same arithmetic.

Shapes: b batch, l length, d features, h heads, g groups of heads that share keys and values, k taps, m keys.
"""
