from .goods import Basket, Item
