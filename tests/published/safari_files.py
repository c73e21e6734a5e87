"""A language model of HazyResearch/safari written out on its own names, and files of it as Lightning saves them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fft import irfft, rfft

Tensors = dict[str, Tensor]
DIM, INNER, LAYERS, LENGTH, FEATURES, WIDTH = 8, 12, 2, 40, 5, 6


class Hyperparameters(dict[str, object]):
    """Stands for the objects of classes that a reader need not have."""


def safari_tensors(order: int = 2, vocabulary: int = 264) -> Tensors:
    """Random weights under safari's names, in its shapes."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int, scale: float = 0.3) -> Tensor:
        return scale * torch.randn(shape, generator=generator)

    tap = torch.arange(LENGTH, dtype=torch.float32)[:, None]
    time, bands = tap / (LENGTH - 1), (FEATURES - 1) // 2
    angle = torch.linspace(1e-4, bands - 1, bands) * (2 * math.pi * tap / LENGTH)
    channels = DIM * (order - 1)
    shared = random(1, WIDTH, scale=3.0)
    found = {"backbone.embeddings.word_embeddings.weight": random(vocabulary, DIM, scale=1.0)}
    for index in range(LAYERS):
        filter = {f"implicit_filter.{place}.freq": shared for place in (1, 3, 5)}
        sizes = {0: (WIDTH, FEATURES), 2: (WIDTH, WIDTH), 4: (WIDTH, WIDTH)}
        filter |= {f"implicit_filter.{place}.weight": random(*shape, scale=0.6) for place, shape in sizes.items()}
        filter |= {f"implicit_filter.{place}.bias": random(WIDTH) for place in sizes}
        filter |= {"implicit_filter.6.weight": random(channels, WIDTH), "bias": random(channels)}
        filter["pos_emb.z"] = torch.cat([time, angle.cos(), -angle.sin()], dim=1)[None] + random(1, LENGTH, FEATURES)
        filter["pos_emb.t"] = time[None]
        deltas = torch.linspace(math.log(0.01) / 1.5, math.log(0.01) / 0.3, channels)
        filter["modulation.deltas"] = deltas[None, None]
        slots = (order + 1) * DIM
        mixer = {"in_proj.weight": random(slots, DIM), "in_proj.bias": random(slots)}
        mixer |= {"short_filter.weight": random(slots, 1, 3), "short_filter.bias": random(slots)}
        mixer |= {"out_proj.weight": random(DIM, DIM), "out_proj.bias": random(DIM)}
        layer = {f"mixer.{name}": tensor for name, tensor in mixer.items()}
        layer |= {f"mixer.filter_fn.{name}": tensor for name, tensor in filter.items()}
        layer |= {"mlp.fc1.weight": random(INNER, DIM), "mlp.fc1.bias": random(INNER)}
        layer |= {"mlp.fc2.weight": random(DIM, INNER), "mlp.fc2.bias": random(DIM)}
        norms = [f"{norm}.{name}" for norm in ("norm1", "norm2") for name in ("weight", "bias")]
        layer |= {name: random(DIM, scale=1.0) for name in norms}
        found |= {f"backbone.layers.{index}.{name}": tensor for name, tensor in layer.items()}
    found |= {"backbone.ln_f.weight": random(DIM, scale=1.0), "backbone.ln_f.bias": random(DIM)}
    return found | {"lm_head.weight": found["backbone.embeddings.word_embeddings.weight"]}


def logits_of(tensors: Tensors, tokens: Tensor, modulate: bool) -> Tensor:
    """What safari's ConvLMHeadModel computes of tokens (B, L)."""
    x = tensors["backbone.embeddings.word_embeddings.weight"][tokens]
    for index in range(LAYERS):
        prefix = f"backbone.layers.{index}."
        own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        x = x + _hyena(own, _norm(x, own, "norm1"), modulate)
        hidden = F.linear(_norm(x, own, "norm2"), own["mlp.fc1.weight"], own["mlp.fc1.bias"])
        x = x + F.linear(F.gelu(hidden, approximate="tanh"), own["mlp.fc2.weight"], own["mlp.fc2.bias"])
    return F.linear(_norm(x, tensors, "backbone.ln_f"), tensors["lm_head.weight"])


def _norm(x: Tensor, own: Tensors, name: str) -> Tensor:
    return F.layer_norm(x, (DIM,), own[f"{name}.weight"], own[f"{name}.bias"])


def _hyena(own: Tensors, u: Tensor, modulate: bool) -> Tensor:
    length = u.shape[1]
    own = {name.removeprefix("mixer."): tensor for name, tensor in own.items()}
    projected = F.linear(u, own["in_proj.weight"], own["in_proj.bias"]).mT
    weight = own["short_filter.weight"]
    short = F.conv1d(projected, weight, own["short_filter.bias"], padding=2, groups=len(weight))[..., :length]
    *gates, v = short.split(DIM, dim=1)
    h = own["filter_fn.pos_emb.z"][0, :length]
    for place in (0, 2, 4):
        name = f"filter_fn.implicit_filter.{place}"
        sine = own[f"filter_fn.implicit_filter.{place + 1}.freq"]
        h = torch.sin(sine * F.linear(h, own[f"{name}.weight"], own[f"{name}.bias"]))
    h = F.linear(h, own["filter_fn.implicit_filter.6.weight"])
    if modulate:
        h = h * torch.exp(-own["filter_fn.pos_emb.t"][0, :length] * own["filter_fn.modulation.deltas"][0].abs())
    orders = len(gates) - 1
    taps = h.mT.reshape(DIM, orders, length).transpose(0, 1)
    skips = own["filter_fn.bias"].reshape(DIM, orders).T
    for o, gate in enumerate(reversed(gates[1:])):
        v = v * gate
        convolved = irfft(rfft(taps[o], 2 * length) * rfft(v, 2 * length), 2 * length)[..., :length]
        v = convolved + v * skips[o][:, None]
    return F.linear((v * gates[0]).mT, own["out_proj.weight"], own["out_proj.bias"])


def write_lightning(path: Path, tensors: Tensors) -> Path:
    """A file as Lightning saves it: the network is `model`, and objects of other classes lie beside its weights."""
    content = {
        "epoch": 3,
        "state_dict": {f"model.{name}": tensor for name, tensor in tensors.items()},
        "hyper_parameters": Hyperparameters(train=Hyperparameters(seed=2222)),
        "callbacks": {("a", 1): [torch.device("cpu"), Hyperparameters, torch.float16]},
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 6e-4}]}],
    }
    torch.save(content, path)
    return path
