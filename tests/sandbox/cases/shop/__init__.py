from . import names
from .names import GREETING
COUNT = 0
