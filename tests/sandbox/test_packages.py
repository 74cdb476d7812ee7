"""Packages without state are executed once; the submodules that a run imports are bound for it alone."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from trio_durable_sandbox import Sandbox


def instances(workshop: Any, function: Any, count: int = 2) -> tuple[list[Any], Sandbox]:
    """What several instances of one program return, one after the other, none of them closed."""
    sandbox = Sandbox()
    values = []
    for number in range(count):
        run, f = workshop.start(function, sandbox, str(number))
        with run.active():
            values.append(f())
        assert run.violations == []
    return values, sandbox


def test_what_a_package_passes_on_is_made_once(workshop: Any) -> None:
    workshop.write("from .schemas import Item\n", "depot.__init__")
    workshop.write(
        "from .base import Base\nfrom .item import Item\n__all__ = ['Base', 'Item']\n", "depot.schemas.__init__"
    )
    workshop.write("from pydantic import BaseModel\nclass Base(BaseModel):\n    id: int = 0\n", "depot.schemas.base")
    workshop.write("from .base import Base\nclass Item(Base):\n    tags: list[str] = []\n", "depot.schemas.item")
    workshop.write(
        "from depot.schemas import Base, Item\nclass Order(Base):\n    items: list[Item] = []\n", "depot.orders"
    )
    main = workshop.module(
        "import depot.orders\nfrom depot import Item\n"
        "def f():\n    depot.orders.Order().items.append(1)\n"
        "    return depot.orders.Order, Item, depot.orders.Order().items, depot\n"
    )
    (one, two), sandbox = instances(workshop, main.f)
    assert one[:2] == two[:2]
    assert one[2] == two[2] == []
    assert one[3] is two[3]
    tiers = sandbox.tiers()
    for name in ("depot", "depot.schemas", "depot.orders", main.__name__):
        assert tiers[name] == "shared"


def test_submodules_that_one_run_imports_are_not_in_the_package_of_another(workshop: Any) -> None:
    workshop.write("NAME = 'mill'\n", "mill.__init__")
    workshop.write("X = 1\n", "mill.extra")
    main = workshop.module(
        "import mill\n"
        "def late():\n    import mill.extra\n    return mill.extra.X\n"
        "def f(): return hasattr(mill, 'extra'), late(), mill.NAME, mill.extra.X\n"
    )
    values, sandbox = instances(workshop, main.f)
    assert values == [(False, 1, "mill", 1)] * 2
    assert sandbox.tiers()["mill"] == "shared"


def test_state_of_a_package_is_not_reached_through_a_submodule(workshop: Any) -> None:
    """`import a.b` binds `a`: a module that does that holds on to the package."""
    workshop.write("STATE = []\n", "barn.__init__")
    workshop.write("X = 1\n", "barn.part")
    workshop.write(
        "import barn.part\ndef add():\n    state = barn.STATE\n    state.append(1)\n"
        "    barn.STATE.append(2)\n    return len(barn.STATE)\n",
        "barn.adder",
    )
    main = workshop.module("from barn.adder import add\ndef f(): return add()\n")
    values, sandbox = instances(workshop, main.f)
    assert values == [2, 2]
    assert "barn has state" in sandbox.tiers()["barn.adder"]


def test_changing_what_a_shared_package_holds_is_refused(workshop: Any) -> None:
    workshop.write("class Order: ...\n", "kiln.__init__")
    main = workshop.module("import kiln\ndef f():\n    own = kiln\n    setattr(own, 'LIMIT', 2)\n")
    run, f = workshop.start(main.f)
    with run.active():
        try:
            f()
        except Exception as error:
            assert "assignment to kiln.LIMIT" in str(error)
    assert [violation.api for violation in run.violations] == ["assignment to kiln.LIMIT"]


def test_packages_and_modules_that_import_each_other(workshop: Any) -> None:
    workshop.write("from .a import A\nfrom .b import B\n", "ring.__init__")
    workshop.write("from . import b\nclass A:\n    def other(self): return b.B\n", "ring.a")
    workshop.write("class B:\n    def other(self):\n        from .a import A\n        return A\n", "ring.b")
    main = workshop.module("from ring import A, B\ndef f(): return A, B, A().other() is B and B().other() is A\n")
    (one, two), sandbox = instances(workshop, main.f)
    assert one == two
    assert one[2] is True
    assert sandbox.tiers()["ring"] == "shared"


def test_nested_packages_bind_what_all_runs_have(workshop: Any) -> None:
    """`from .inner import X` also binds `inner` in the package; what it shows is what the run has imported."""
    workshop.write("from .inner import X\ndef peek(): return inner\n", "nest.__init__")
    workshop.write("X = 1\n", "nest.inner.__init__")
    workshop.write("STATE = []\n", "nest.inner.late")
    main = workshop.module(
        "from nest import peek\ndef f():\n    from nest.inner import late\n    late.STATE.append(1)\n"
        "    return hasattr(peek(), 'late'), len(late.STATE)\n"
    )
    values, _ = instances(workshop, main.f)
    assert values == [(True, 1)] * 2


def test_a_module_is_handed_to_others_when_it_is_complete(workshop: Any, monkeypatch: Any) -> None:
    """Another thread that looks while it is being executed must wait for the lock."""
    (workshop.folder / "site-packages").mkdir()
    workshop.write("def look(): ...\nlook()\n", "site-packages.spyglass")
    monkeypatch.syspath_prepend(str(workshop.folder / "site-packages"))
    workshop.write("import spyglass\nfrom enum import Enum\nclass Late(Enum):\n    A = 1\n", "slowly")
    main = workshop.module("from slowly import Late\ndef f(): return Late.A.value\n")
    sandbox = Sandbox()
    program = sandbox.load(main.f)
    seen = []

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "spyglass":
                seen.append("slowly" in sandbox.importer._once)

    sys.modules.pop("spyglass", None)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    importlib.invalidate_caches()
    run = sandbox.new_run("i", "s", lambda: 0)
    workshop.runs.append(run)
    function = program.instantiate(run)
    with run.active():
        assert function() == 1
    assert seen[-1] is False
    assert "slowly" in sandbox.importer._once
