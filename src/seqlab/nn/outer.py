"""Outer products of the features of each head, laid out as features of their own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["OuterProducts"]


@dataclass(frozen=True)
class OuterProducts:
    """D = heads x width features, head by head, and the width x width products of each head: (.., width^2 heads).

    Products are laid out (row, column, head). Where the width is 1 they are the features, and nothing is copied.
    """

    heads: int
    width: int

    def rows(self, x: Tensor) -> Tensor:
        """(.., D) -> (.., width^2 heads): the factor of each product that its row names."""
        return self._spread(x, -2)

    def columns(self, x: Tensor) -> Tensor:
        """(.., D) -> (.., width^2 heads): the factor of each product that its column names."""
        return self._spread(x, -3)

    def _spread(self, x: Tensor, axis: int) -> Tensor:
        if self.width == 1:
            return x
        return self._by_head(x).unsqueeze(axis).expand(*x.shape[:-1], self.width, self.width, self.heads).flatten(-3)

    def _by_head(self, x: Tensor) -> Tensor:
        """(.., D) -> (.., width, heads)."""
        return x.view(*x.shape[:-1], self.heads, self.width).transpose(-1, -2)

    def outer(self, row: Tensor, column: Tensor) -> Tensor:
        """rows(row) * columns(column), without either of them in memory."""
        return (self._by_head(row).unsqueeze(-2) * self._by_head(column).unsqueeze(-3)).flatten(-3)

    def contract(self, row: Tensor, products: Tensor) -> Tensor:
        """sum_rows(rows(row) * products), without rows(row) in memory."""
        square = products.view(*products.shape[:-1], self.width, self.width, self.heads)
        return (self._by_head(row).unsqueeze(-2) * square).sum(-3).transpose(-1, -2).flatten(-2)

    def sum_rows(self, products: Tensor) -> Tensor:
        """(.., width^2 heads) -> (.., D): each column's sum."""
        if self.width == 1:
            return products
        square = products.view(*products.shape[:-1], self.width, self.width, self.heads)
        return square.sum(-3).transpose(-1, -2).flatten(-2)
