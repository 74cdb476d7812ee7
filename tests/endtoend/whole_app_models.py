"""Models of `whole_app`: no state, so all instances share them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    weight: int
    discount: int = 1

    def total(self) -> int:
        return self.weight * 3 - self.discount
