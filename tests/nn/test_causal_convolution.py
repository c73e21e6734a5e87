"""The short convolution as a module, over documents inside rows."""

from __future__ import annotations

import torch

from seqlab.nn.causal_convolution import CausalConvolution


def test_documents_are_convolved_in_float32_too() -> None:
    torch.manual_seed(0)
    module, x = CausalConvolution(64, 4).bfloat16(), torch.randn(2, 50, 64).bfloat16()
    starts = torch.rand(2, 50) < 0.1
    y = module(x, starts)
    assert y.dtype == torch.bfloat16
    exact = module.double()(x.double(), starts)
    assert ((y - exact).abs() <= 4e-3 * exact.abs() + 1e-4).all()  # the result is rounded, and nothing before it
