"""Mixers under torch.compile: the first variant of each in every run of the tests, the others in the slow ones."""

from __future__ import annotations

import pytest
import torch
from shipped_parts import relative, variants

from seqlab.mixers import Mixer


# torch's own tracing of a hand-written gradient warns about torch's own code.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("spec", variants("mixers", further=pytest.mark.slow))
def test_compiled_code_gives_the_same_values(spec: Mixer) -> None:
    mixer = spec.build(dim=16, length=24).double().eval()
    x = torch.randn(3, 9, 16, dtype=torch.float64)
    compiled = torch.compile(mixer, backend="aot_eager", dynamic=False)
    assert relative(compiled(x), mixer(x)) <= 1e-12
