from dataclasses import dataclass, field


@dataclass
class Item:
    price: int = 1


@dataclass
class Basket:
    items: list[Item] = field(default_factory=list)
