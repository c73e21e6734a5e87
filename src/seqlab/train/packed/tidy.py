"""What a traced program does for nothing: for small models each needless call costs as much as a matrix product."""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

__all__ = ["tidy"]

aten = torch.ops.aten
VIEWS = (aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.permute.default)
"""Nothing is left of these where the shape and the strides are what they were."""


def tidy(traced: GraphModule) -> GraphModule:
    """The same numbers in fewer calls; the program must run without autograd, for it detaches nothing."""
    changes_in_place = any(_changes_in_place(node) for node in traced.graph.nodes)
    for node in list(traced.graph.nodes):
        if _keeps(node) or (_multiplies_by_one(node) and not changes_in_place):
            node.replace_all_uses_with(node.args[0])
    traced.graph.eliminate_dead_code()
    for node in list(traced.graph.nodes):
        if node.target is aten.clone.default:
            _lay_out_at_once(traced, node)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _changes_in_place(node: Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and bool(node.target._schema.is_mutable)


def _keeps(node: Node) -> bool:
    """Whether a node only hands on what it gets."""
    return node.target is aten.detach.default or (node.target in VIEWS and _is_as_it_was(node))


def _multiplies_by_one(node: Node) -> bool:
    return node.target is aten.mul.Scalar and node.args[1:] == (1,) and _is_as_it_was(node)


def _is_as_it_was(node: Node) -> bool:
    before, after = (each.meta["tensor_meta"] for each in (node.args[0], node))  # type: ignore[union-attr]
    return bool((before.shape, before.stride, before.dtype) == (after.shape, after.stride, after.dtype))


def _lay_out_at_once(traced: GraphModule, copied: Node) -> None:
    """(a b)' copied row by row -> b' a', which comes out so: the gradient of every linear's weight."""
    turned = copied.args[0]
    if not (isinstance(turned, Node) and turned.target is aten.transpose.int and _turns_matrices(turned)):
        return
    product = turned.args[0]
    if not (isinstance(product, Node) and product.target is aten.bmm.default and len(product.users) == 1):
        return
    with traced.graph.inserting_before(copied):
        a, b = (traced.graph.call_function(aten.transpose.int, (factor, 1, 2)) for factor in product.args)
        copied.replace_all_uses_with(traced.graph.call_function(aten.bmm.default, (b, a)))


def _turns_matrices(node: Node) -> bool:
    shape = node.meta["tensor_meta"].shape
    return len(shape) == 3 and sorted(axis % 3 for axis in node.args[1:]) == [1, 2]  # type: ignore[operator]
