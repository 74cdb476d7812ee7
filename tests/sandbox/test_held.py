# ruff: noqa: E501 (user modules on one line)
"""What a module that all instances share must not hold: anything that an earlier instance made. Packages above all."""

from __future__ import annotations

import gc
import sys
import threading
import types
from typing import Any

import pytest
from trio_durable_sandbox import Sandbox


def twice(workshop: Any, function: Any, sandbox: Sandbox | None = None, *args: Any) -> list[Any]:
    """What two instances see, one after the other."""
    sandbox = sandbox or Sandbox()
    seen = []
    for instance in ("one", "two"):
        run, f = workshop.start(function, sandbox, instance)
        with run.active():
            seen.append(f(*args))
        assert run.violations == []
    return seen


HOLDERS = {
    "through the package that `import a.b` binds": "import leak.y\ndef note():\n    s = leak.STATE\n    s.append(1)\n    return len(leak.STATE)\n",
    "directly": "import leak.y\ndef note():\n    leak.STATE.append(1)\n    return len(leak.STATE)\n",
    "through `import a.b as c`": "import leak.deep.z as z\ndef note():\n    s = z.SEEN\n    s.append(1)\n    return len(z.SEEN)\n",
    "through a nested package": "import leak.deep.empty\ndef note():\n    s = leak.deep.SEEN\n    s.append(1)\n    return len(s)\n",
    "by a read at import": "import leak\nKEPT = leak.deep.z.SEEN\ndef note():\n    KEPT.append(1)\n    return len(KEPT)\n",
    "by a default": "import leak\ndef note(kept=leak.deep.z.SEEN):\n    kept.append(1)\n    return len(kept)\n",
    "by an annotation": "import clean\nclass C:\n    x: clean.state.Kind = None\ndef note():\n    kind = C.__annotations__['x']\n    kind.seen += 1\n    return kind.seen\n",
    "by a star": "from leak.deep.z import *\ndef note():\n    s = SEEN\n    s.append(1)\n    return len(s)\n",
    "by a star of a package that lists its modules": "from clean import *\ndef note():\n    state.SEEN.append(1)\n    return len(state.SEEN)\n",
    "through a shared package, later": "import clean\ndef note():\n    s = clean.state.SEEN\n    s.append(1)\n    return len(s)\n",
    "through an enum whose base is another module's": "from clean.kinds import Base\nclass M(Base):\n    A = 1\n    def note(self):\n        self.seen = getattr(self, 'seen', 0) + 1\n        return self.seen\ndef note(): return M.A.note()\n",
}  # fmt: skip


@pytest.mark.parametrize("how", HOLDERS)
def test_no_instance_sees_what_another_one_left(workshop: Any, how: str) -> None:
    workshop.write("STATE = []\nfrom .deep import z\n", "leak.__init__")
    workshop.write("X = 1\n", "leak.y")
    workshop.write("SEEN = []\n", "leak.deep.__init__")
    workshop.write("SEEN = []\n", "leak.deep.z")
    workshop.write("X = 1\n", "leak.deep.empty")
    workshop.write("X = 1\n__all__ = ['X', 'state']\n", "clean.__init__")
    workshop.write("SEEN = []\nclass Kind:\n    seen = 0\n", "clean.state")
    workshop.write("import enum\nclass Base(enum.Enum): ...\n", "clean.kinds")
    name = workshop.write(HOLDERS[how])
    main = workshop.module(f"import clean.state, {name}\nSTATE = []\ndef f(): return {name}.note()\n")
    assert twice(workshop, main.f) == [1, 1]


def test_the_tiers_name_the_package(workshop: Any) -> None:
    workshop.write("STATE = []\n", "leaky.__init__")
    workshop.write("X = 1\n", "leaky.y")
    name = workshop.write("import leaky.y\n")
    main = workshop.module(f"import {name}\ndef f(): return {name}\n")
    sandbox = Sandbox()
    twice(workshop, main.f, sandbox)
    assert sandbox.tiers()[name] == "line 1: leaky has state (line 1: a list, which can be changed)"
    assert sandbox.tiers()["leaky.y"] == "shared"


SHOP = {
    "shop.__init__": "from .schemas import Item, Order\nfrom shop.schemas import *\n__version__ = '1'\n__all__ = ['Item', 'Order']\n",
    "shop.schemas.__init__": "from .item import Item\nfrom .order import Order\n",
    "shop.schemas.base": "from pydantic import BaseModel\nclass Base(BaseModel):\n    tags: list[str] = []\n",
    "shop.schemas.item": "from .base import Base\nfrom typing import ClassVar\nclass Item(Base):\n    price: int = 1\n    parts: list[str] = []\n",
    "shop.schemas.order": "from shop.schemas import Item\nclass Order(Item):\n    items: list[Item] = []\n",
    "shop.flows": "import shop\nfrom shop.schemas import Order\nfrom . import helpers\nSTATE = []\n",
    "shop.helpers": "import shop.schemas.item\ndef price(item): return shop.schemas.item.Item().price\n",
}


def test_packages_that_only_re_export_are_shared(workshop: Any) -> None:
    pytest.importorskip("pydantic")
    for name, source in SHOP.items():
        workshop.write(source, name)
    main = workshop.module(
        "import shop, shop.flows\nfrom shop import Item\n"
        "def f(x):\n"
        "    shop.flows.STATE.append(x)\n"
        "    order = shop.Order(items=[Item()])\n"
        "    order.tags.append('t'); order.items.append(Item())\n"
        "    return (shop.flows.STATE, Item, shop.Order().items, shop.Order().tags, shop.helpers.price(None), shop.flows.helpers,\n"
        "            hasattr(shop, 'never_imported'), shop.__name__, shop.schemas.item.Item is Item)\n"
    )
    sandbox = Sandbox()
    one, two = twice(workshop, main.f, sandbox, "x")
    assert one == two
    assert one[0] == ["x"]
    assert one[0] is not two[0]
    assert one[1] is two[1]
    assert one[2:5] == ([], [], 1)
    tiers = sandbox.tiers()
    assert {name: tiers[name.removesuffix(".__init__")] for name in SHOP if not name.endswith("flows")} == {
        name: "shared" for name in SHOP if not name.endswith("flows")
    }
    assert tiers["shop.flows"] == "line 4: a list, which can be changed"


def test_a_shared_package_shows_each_instance_what_it_imported(workshop: Any) -> None:
    workshop.write("X = 1\n", "parcel.__init__")
    workshop.write("SEEN = []\n", "parcel.state")
    workshop.write("Y = 2\n", "parcel.plain")
    main = workshop.module(
        "import parcel\nSTATE = []\n"
        "def f(modules):\n"
        "    for name in modules: __import__('parcel.' + name)\n"
        "    names = ('state', 'plain', 'X', 'nothing')\n"
        "    assert [n in dir(parcel) for n in names] == [hasattr(parcel, n) for n in names]\n"
        "    return [hasattr(parcel, name) for name in names]\n"
    )
    sandbox = Sandbox()
    seen = []
    for modules in (["state", "plain"], [], ["plain"], ["state"]):
        run, f = workshop.start(main.f, sandbox)
        with run.active():
            seen.append(f(modules))
    assert seen == [[True, True, True, False], [False, False, True, False], [False, True, True, False], [True, False, True, False]]
    assert sandbox.tiers()["parcel"] == "shared"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def state(): ...\n", "state is the name of one of its modules"),
        ("def __getattr__(name): raise AttributeError(name)\n", "its __getattr__"),
        ("from .state import SEEN\n", "line 1: packed.state has state"),
        ("from vendored import *\n", "import \\*"),
    ],
)
def test_packages_that_are_executed_per_instance(workshop: Any, source: str, says: str) -> None:
    workshop.write(source.replace("vendored", "statistics"), "packed.__init__")
    workshop.write("SEEN = []\n", "packed.state")
    main = workshop.module("import packed.state\nfrom packed import state\ndef f(): return packed\n")
    sandbox = Sandbox()
    one, two = twice(workshop, main.f, sandbox)
    assert one is not two
    assert says.replace("\\", "") in sandbox.tiers()["packed"]


def test_namespace_packages(workshop: Any) -> None:
    workshop.write("class M: ...\n", "spread.models")
    workshop.write("SEEN = []\n", "spread.state")
    name = workshop.write("import spread.models\ndef f(): return spread.models.M\n")
    main = workshop.module(
        f"import spread.state, {name}\ndef f(x):\n    spread.state.SEEN.append(x)\n    return spread.state.SEEN, {name}.f()\n"
    )
    sandbox = Sandbox()
    one, two = twice(workshop, main.f, sandbox, 1)
    assert one == two == ([1], one[1])
    assert sandbox.tiers()[name] == "shared"


def test_namespace_packages_that_the_host_has_not_loaded(workshop: Any) -> None:
    """Registration looks for what a function imports; importlib would ask for the parent in `sys.modules`."""
    workshop.write("SEEN = []\n", "roomy.inner.thing")
    workshop.write("X = 1\n", "roomy.inner.package.__init__")
    main = workshop.module(
        "def f(x):\n    import roomy.inner.thing as thing\n    from roomy.inner import thing as same, package\n"
        "    thing.SEEN.append(x)\n    return same.SEEN, package.X\n"
    )
    assert twice(workshop, main.f, Sandbox(), 1) == [([1], 1), ([1], 1)]
    assert "roomy" not in sys.modules


def test_a_call_of_dunder_import_may_name_what_is_not_there(workshop: Any) -> None:
    workshop.write("X = 1\n", "sparse.deep")
    main = workshop.module("def f(x):\n    return __import__('sparse.deep', fromlist=[x]).X\n")
    assert twice(workshop, main.f, Sandbox(), "nothing") == [1, 1]


def test_modules_that_libraries_offer_are_each_runs_own(workshop: Any) -> None:
    """`from library import asyncio`, in two instances: what the first one got is not what the second one gets."""
    (workshop.folder / "site-packages").mkdir()
    workshop.write("import asyncio, decimal\n__all__ = ['asyncio']\n", "site-packages.vendored_offers")
    sys.path.insert(0, str(workshop.folder / "site-packages"))
    try:
        holder = workshop.write("import vendored_offers\nKEPT = vendored_offers.asyncio\n")
        other = workshop.write("from vendored_offers import asyncio\n")
        main = workshop.module(
            f"from vendored_offers import asyncio, decimal\nfrom vendored_offers import *\nimport {holder}, {other}\n"
            f"def f(prec):\n    decimal.getcontext().prec = prec\n    return asyncio.who, {holder}.KEPT.who, {other}.asyncio.who\n"
        )
        import decimal

        before = decimal.getcontext().prec
        sandbox = Sandbox()
        sandbox.replace_module("asyncio", lambda run: types.SimpleNamespace(who=run.instance_id))
        assert twice(workshop, main.f, sandbox, 5) == [("one",) * 3, ("two",) * 3]
        assert decimal.getcontext().prec == before
        assert sandbox.tiers()[holder] == "line 2: each run gets its own asyncio"
        assert sandbox.tiers()[other] == "line 1: each run gets its own asyncio"
    finally:
        sys.path.remove(str(workshop.folder / "site-packages"))
        sys.modules.pop("vendored_offers", None)


def test_nobody_sees_a_module_that_is_still_being_executed(workshop: Any) -> None:
    """A second thread waits until the first has executed what both share."""
    body = "".join(f"class C{number}: ...\n" for number in range(200))
    name = workshop.write(body + "LAST = 1\n")
    main = workshop.module(f"STATE = []\ndef f():\n    from {name} import LAST\n    return LAST\n")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    failed: list[BaseException] = []
    try:
        for _ in range(5):
            sandbox = Sandbox()
            program = sandbox.load(main.f)
            barrier = threading.Barrier(4)

            def work(program: Any = program, sandbox: Sandbox = sandbox, barrier: threading.Barrier = barrier) -> None:
                run = sandbox.new_run("i", "s", lambda: 0)
                function = program.instantiate(run)
                barrier.wait()
                try:
                    with run.active():
                        function()
                except BaseException as error:
                    failed.append(error)
                run.close()

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failed == []


def test_failed_executions_leave_nothing(workshop: Any) -> None:
    name = workshop.write("from no_such_module_at_all import x\n")
    main = workshop.module(f"STATE = []\ndef f():\n    try:\n        import {name}\n    except ImportError:\n        return 'none'\n")
    sandbox = Sandbox()
    twice(workshop, main.f, sandbox)
    before = len(sys.modules)
    twice(workshop, main.f, sandbox)
    assert len(sys.modules) == before + 2  # the module of the orchestrator, of two more instances


def test_text_keeps_no_class_alive(workshop: Any) -> None:
    module = workshop.module(
        "import weakref\nfrom dataclasses import dataclass, field\nSTATE = []\n@dataclass\nclass Item:\n"
        "    tags: set = field(default_factory=lambda: set(STATE))\n"
        "def orchestrator():\n    assert f'{Item()} {[Item({1, 2})]}'\n    return weakref.ref(Item)\n"
    )
    run, function = workshop.start(module.orchestrator)
    with run.active():
        found = function()
    assert found() is not None
    run.close()
    del function
    gc.collect()
    assert found() is None
