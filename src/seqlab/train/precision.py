"""The device, the dtype of the computation, and loss scaling for float16."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["LossScale", "choose_device", "choose_dtype"]

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """The device of `auto`, `cpu` or `cuda`. Raises ValueError when cuda is asked for and there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda was asked for and this machine has no usable GPU; use `device=cpu`.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The compute dtype; `auto` takes bfloat16 where the device multiplies it natively, else float32.

    Raises ValueError for float16 on a CPU.
    """
    if name == "float16" and device.type == "cpu":
        raise ValueError("precision=float16 needs a GPU; on a CPU use `precision=bfloat16` or `float32`.")
    return DTYPES[name] if name != "auto" else (torch.bfloat16 if fast_bfloat16(device) else torch.float32)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 here: by the hardware's abilities, no timing."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class LossScale:
    """Loss scaling for float16 (arXiv 1710.03740): grows when steps go well, halves and skips the step on overflow;
    never below 1.

    In any other dtype the scale is 1 and no gradient is looked at.
    """

    def __init__(self, dtype: torch.dtype, start: float = 65536.0, growth_steps: int = 2000) -> None:
        self.active = dtype == torch.float16
        self.scale = start if self.active else 1.0
        self.overflows = 0
        self._good_steps = 0
        self._growth_steps = growth_steps

    def unscale(self, gradients: list[Tensor]) -> bool:
        """Divide the gradients by the scale; False when one is not finite, and the step is to be skipped."""
        if not self.active:
            return True
        torch._foreach_mul_(gradients, 1.0 / self.scale)
        if torch.stack([gradient.isfinite().all() for gradient in gradients]).all():  # one look at the device
            self._good_steps += 1
            if self._good_steps % self._growth_steps == 0:
                self.scale *= 2.0
            return True
        self.scale, self._good_steps = max(self.scale / 2.0, 1.0), 0
        self.overflows += 1
        return False

    def state_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"scale": self.scale, "overflows": self.overflows, "good_steps": self._good_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.scale, self.overflows, self._good_steps = state["scale"], state["overflows"], state["good_steps"]
