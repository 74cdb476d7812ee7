"""Packages: what instances share, and what they must not."""
import sys

import leak.y
import leak.z
import store
import store.ledger
from store import Item
from vendored import time as vendored_time


def case_state_of_a_package_through_a_module():  # works
    count = leak.z.through_a_name()
    assert count == 1, count
    return count


def case_state_of_a_package_directly():  # works
    count = leak.z.directly()
    assert count == 1, count
    return count


def case_state_beside_a_shared_package():  # works
    store.ledger.SEEN.append(1)
    assert len(store.ledger.SEEN) == 1
    return store.ledger.SEEN


def case_models_through_a_package():  # works
    basket = store.Basket([Item(2)])
    basket.items.append(Item())
    assert type(basket) is sys.modules["store"].goods.item.Basket
    return basket, store.Basket()


def case_submodules_by_import_from():  # works
    from store import goods, ledger
    return goods.Item is Item, ledger is store.ledger, goods is store.goods


def case_changing_a_shared_class_through_a_package():
    kind = store.Basket
    kind.extra = 1  # refused: assignment to store.goods.item.Basket.extra


def case_a_clock_that_a_library_imported():  # works
    return vendored_time.time()
