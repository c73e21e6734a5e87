"""Both cosine conventions of the Hyena experiments, against independent evaluations of the published formulas."""

from pathlib import Path

import numpy as np

from seqlab.optim.schedules.cosine import Cosine
from seqlab.optim.schedules.cosine_timm import CosineTimm


def test_hugging_face_cosine(golden: Path) -> None:
    with np.load(golden / "hyena_synthetics.npz") as file:
        expected = file["sched/cosine_warmup_W1000_T40000"]  # the multiplier at steps 0, 500, ..., 40000
    schedule = Cosine(warmup_steps=1000, steps=40000)
    values = [schedule.lr(1.0, 500 * index, 40000, {}) for index in range(len(expected))]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def test_timm_cosine(golden: Path) -> None:
    with np.load(golden / "hyena_synthetics.npz") as file:
        expected = file["sched/timm_base6e-4_T1000_W10"]  # the rate at steps 0, 1, ..., 1100: also beyond the horizon
    schedule = CosineTimm(warmup=0.01, warmup_lr=1e-6, min_lr=6e-5)
    values = [schedule.lr(6e-4, step, 1000, {}) for step in range(len(expected))]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
