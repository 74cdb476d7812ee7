from .item import Basket, Item
