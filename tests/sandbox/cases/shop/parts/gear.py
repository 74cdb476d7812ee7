from ..names import GREETING
from . import axle
from dataclasses import dataclass


@dataclass
class Gear:
    teeth: int
