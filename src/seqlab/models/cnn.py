"""Convolutional network: convolutions with pools between them, then a perceptron."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data.signature import Signature
from seqlab.models import Model, reads_numbers
from seqlab.nn.activations import Activation, activation
from seqlab.nn.inits import Init, initialise
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.linear import Linear
from seqlab.nn.units import Units
from seqlab.spec import Field, SpecError, label

__all__ = ["CNN", "ConvolutionalNetwork"]

Size = Annotated[int, Field(ge=1)]


class CNN(Model):
    """Puts an image into a class: each convolution, of stride 1 and without padding, is followed by the activation and
    a maximum over 2 x 2 pixels; the maps are flattened and go through linears.

    The defaults are those of continual ImageNet by Dohare et al. (32 x 32 images). Convolutions and linears are drawn
    by `init` (fan-in of a convolution: channels times pixels of its kernel), biases begin at zero.
    """

    channels: tuple[Size, ...] = Field(default=(32, 64, 128), min_length=1)
    """Maps of each convolution, first to last."""
    kernels: tuple[Size, ...] = (5, 3, 3)
    """Height and width of each kernel, as many as `channels`."""
    widths: tuple[Size, ...] = (128, 128)
    """Units of each hidden linear."""
    activation: Activation = "relu"
    """What follows each convolution and each hidden linear."""
    init: Init = LeCun()
    """Law of every convolution and every linear."""

    def check(self) -> None:
        if len(self.channels) != len(self.kernels):
            raise SpecError(
                f"models/cnn has {len(self.channels)} `channels` and {len(self.kernels)} `kernels`; give as many."
            )

    def build(self, signature: Signature) -> ConvolutionalNetwork:
        shape = reads_numbers(self, signature)
        if len(shape) != 3:
            raise SpecError(f"models/cnn reads images (channels, height, width), and the task's inputs are {shape}.")
        return ConvolutionalNetwork(self, shape, signature.outputs)

    def card(self, model: nn.Module) -> dict[str, Any]:
        network = cast(ConvolutionalNetwork, model)
        rows = [
            {"layer": index, "width": len(layer.weight), "parameters": sum(p.numel() for p in layer.parameters())}
            for index, layer in enumerate(network.each_layer())
        ]
        return {"activation": self.activation, "init": label(type(self.init)), "layers": rows}


class ConvolutionalNetwork(nn.Module):
    """images (B, channels, height, width) -> logits (B, C), in the parameters' dtype."""

    def __init__(self, spec: CNN, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        maps = (shape[0], *spec.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, size) for (before, after), size in zip(pairwise(maps), spec.kernels, strict=True)
        )
        self.sizes = list(_sizes(spec, shape[1:]))
        height, width = self.sizes[-1]
        sizes = (maps[-1] * (height // 2) * (width // 2), *spec.widths, classes)
        self.linears = nn.ModuleList(Linear(before, after) for before, after in pairwise(sizes))
        self.activation = activation(spec.activation)
        self._initialise(spec.init)
        self.linears[-1].is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix

    def _initialise(self, law: Init) -> None:
        initialise(self, law)
        for convolution in cast("list[nn.Conv2d]", list(self.convolutions)):
            law.fill(convolution.weight.detach().flatten(1))
            nn.init.zeros_(cast(Tensor, convolution.bias))

    def each_layer(self) -> list[nn.Conv2d | Linear]:
        """Convolutions and linears, first to last."""
        return cast("list[nn.Conv2d | Linear]", [*self.convolutions, *self.linears])

    def forward(self, images: Tensor) -> Tensor:
        *hidden, head = cast("list[Linear]", list(self.linears))
        x = images.to(head.weight.dtype)
        for convolution in self.convolutions:
            x = F.max_pool2d(self.activation(convolution(x)), 2)
        x = x.flatten(1)
        for linear in hidden:
            x = self.activation(linear(x))
        return cast(Tensor, head(x))

    def hidden_units(self) -> list[Units]:
        """The maps of each convolution and the units of each hidden linear."""
        names = [f"convolutions.{i}" for i in range(len(self.convolutions))]
        names += [f"linears.{i}" for i in range(len(self.linears))]
        return [
            Units(f"{name}.weight", f"{name}.bias", f"{following}.weight", activation=self.activation)
            for name, following in pairwise(names)
        ]

    def flops(self, length: int = 1) -> float:
        """Floating-point operations of one image's forward pass; a multiply-add counts as 2."""
        maps = sum(
            2.0 * height * width * convolution.weight.numel()
            for (height, width), convolution in zip(
                self.sizes, cast("list[nn.Conv2d]", list(self.convolutions)), strict=True
            )
        )
        return maps + sum(2.0 * linear.weight.numel() for linear in cast("list[nn.Linear]", list(self.linears)))


def _sizes(spec: CNN, image: tuple[int, ...]) -> list[tuple[int, int]]:
    """Height and width of what each convolution gives, before its pool."""
    height, width = image
    found = []
    for size in spec.kernels:
        height, width = height - size + 1, width - size + 1
        if min(height, width) < 2:
            raise SpecError(
                f"models/cnn: an image of {image[0]} x {image[1]} is used up by kernels {spec.kernels} with a pool of "
                "2 x 2 after each; give fewer or smaller `kernels`."
            )
        found.append((height, width))
        height, width = height // 2, width // 2
    return found
