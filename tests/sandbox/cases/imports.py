"""How modules are found: the user's own are per instance, others are passed through or replaced."""
import json
import shop.orders
import vendored
from shop.orders import Order
from shop.parts.axle import turn

counter = 0


def case_package():  # works
    return shop.orders.check(), turn()


def case_own_globals():  # works
    global counter
    counter += 1
    assert counter == 1, "another instance's global"
    return counter


def case_relative_names():  # works
    from shop import names
    from shop.parts import gear as g
    import shop.parts.axle as axle
    return names.GREETING, g.__name__, axle.turn().teeth, Order.__module__, Order.__qualname__


def case_missing_name():  # works
    try:
        from shop import nothing_here
    except ImportError as e:
        return str(type(e))


def case_missing_module():  # works
    try:
        import no_such_module_anywhere
    except ModuleNotFoundError as e:
        return e.name


def case_missing_submodule():  # works
    try:
        import shop.nothing
    except ModuleNotFoundError as e:
        return e.name


def case_star():  # works
    ns = {}
    exec("from shop.names import *\nfrom time import *\nx = time()", ns)
    return ns["x"], ns["GREETING"]


def case_vendored():  # works
    assert json.loads("[1]") == [1]
    return vendored.add(1, 2), vendored.Model(3).x


def case_vendored_alias_module():  # works
    return vendored.time.time()


def case_vendored_alias_random():  # works
    return vendored.random(), vendored.uuid4()


def case_vendored_alias_from():
    from vendored import sleep
    sleep(0)  # refused: time.sleep


def case_vendored_alias_attribute():
    vendored.sleep(0)  # refused: time.sleep


def case_vendored_os():
    vendored.os.getcwd()  # refused: os.getcwd


def case_vendored_io():
    vendored.read("/etc/hostname")  # refused: vendored.read


def case_vendored_patch():
    vendored.add = None  # refused: assignment to vendored.add


def case_dynamic_import():
    __import__("os").system("true")  # refused: os.system


def case_importlib():
    import importlib
    importlib.import_module("subprocess").run(["true"])  # refused: subprocess.run


def case_reload():
    import importlib
    importlib.reload(json)  # refused: importlib.reload


def case_eval():
    eval("__import__('os').getpid()")  # refused: os.getpid


def case_eval_rewritten():  # works
    from datetime import datetime
    return eval("datetime.now()"), eval("1 + x", {"x": 2})


def case_exec():
    exec("import os\nos.getpid()", {})  # refused: os.getpid


def case_compile():
    exec(compile("import time; time.sleep(0)", "<made>", "exec"))  # refused: time.sleep


def case_loader():
    json.__loader__  # refused: module.__loader__


def case_builtins_name():
    __builtins__["open"]("/x")  # refused: open


def case_what_refused_modules_import():  # works
    import collections
    import dataclasses
    import functools
    import queue
    import threading
    import tempfile
    ns = type("Holder", (), {"deque": collections.deque, "Random": __import__("random").Random})
    assert queue.deque is collections.deque and getattr(queue, "deque")([1]).pop() == 1
    assert getattr(ns, "Random")().random() != ns.Random().random()
    return isinstance(collections.deque([1]), queue.deque), getattr(functools, "partial")(int, "3")()


def case_own_module_by_name():  # works
    import sys
    me = sys.modules[__name__]
    assert me.case_own_module_by_name is case_own_module_by_name and __name__ in sys.modules
    assert sys.modules[Order.__module__].Order is Order and sys.modules.get(Order.__module__) is shop.orders
    return me.__name__


def case_own_file():  # works
    from pathlib import PurePath
    import shop.orders
    return __file__, PurePath(__file__).parents[2], PurePath(__file__).stem, shop.orders.__file__, shop.__file__


def case_vendored_list():
    vendored.STATE.append(1)  # refused: a change of vendored.STATE.append


def case_vendored_list_item():
    vendored.STATE[:] = [1]  # refused: a change of vendored.STATE


def case_vendored_list_from():
    from vendored import STATE
    STATE.extend([1])  # refused: a change of vendored.STATE.extend


def case_vendored_list_pop():
    vendored.STATE.pop()  # refused: a change of vendored.STATE.pop


def case_vendored_augmented():
    vendored.STATE += [1]  # refused: assignment to vendored.STATE


def case_abc_register():
    import collections.abc
    class Own: ...
    collections.abc.Sized.register(Own)  # refused: collections.abc.Sized.register


def case_own_list():  # works
    from shop import names
    from shop.names import SEEN
    names.SEEN.append(1)
    SEEN.append(2)
    names.SEEN[0] = 3
    return names.SEEN
