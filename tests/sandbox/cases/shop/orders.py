from __future__ import annotations
import dataclasses
from . import COUNT, names
from .parts import gear
from .parts.gear import Gear
import shop
import shop.names as aliased
from shop import names as again


@dataclasses.dataclass
class Order:
    gear: Gear
    note: str = names.GREETING


def check():
    assert aliased is again is names is shop.names and gear.Gear is Gear
    shop.COUNT += 1
    return shop.COUNT, Order(Gear(3)), names.MADE
