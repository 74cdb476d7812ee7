"""Further places where a set becomes a sequence, and those where its order does not matter."""
import collections
import contextlib
import csv
import dataclasses
import functools
import graphlib
import io
import ipaddress
import itertools
import json
import operator
import urllib.parse
import weakref

WORDS = {"pear", "apple", "fig", "plum", "kiwi", "lime", "date", "sloe"}
PAIRS = {("a", 1), ("b", 2), ("a", 3), ("b", 4)}


class Item:
    def __init__(self, name):
        self.name = name


class Ranked(Item):
    def __lt__(self, other):
        return self.name < other.name


class Words(set):
    def __iter__(self):
        return super().__iter__()


class Collector:
    def update(self, words):
        return type(words).__name__, len(words)


def items():
    return {Item("b"), Item("a"), Item("c")}


def case_augmented_assignment():  # works
    out, found, seen = [], {}, {"x"}
    out += WORDS
    found |= PAIRS
    seen |= WORDS
    seen |= items()
    return out, found, len(seen), type(seen).__name__


def case_slices():  # works
    out = [1, 2, 3]
    out[1:] = WORDS
    out[:0] = WORDS
    return out


def case_several_targets():  # works
    whole = [first, *rest] = WORDS
    (one, two), three = {"x", "y"}, 3
    return type(whole).__name__, first, rest, one, two, three


def case_elements_that_are_unpacked():  # works
    edges = [frozenset({"a", "b"}), frozenset({"d", "c"})]
    with contextlib.nullcontext({"x", "y"}) as (first, second):
        pass
    return [(a, b) for a, b in edges], [a + b for a, b in set(edges)], first, second, list(dict(edges).items())


def case_pop_by_other_ways():  # works
    out = []
    for take in (lambda s: s.pop, lambda s: getattr(s, "pop"), lambda s: functools.partial(set.pop, s)):
        left = set(WORDS)
        pop = take(left)
        out.append((pop(), pop(), len(left)))
    return out, operator.methodcaller("pop")(set(WORDS)), Words(WORDS).pop(), set.pop(set(WORDS))


def case_own_iter():  # works
    return list(Words(WORDS)), next(WORDS.__iter__()), [*iter(WORDS)]


def case_functions_handed_on():  # works
    take, made = iter, sorted
    return (list(map(list, [WORDS])), list(map(", ".join, [WORDS, WORDS])), next(take(WORDS)), made(WORDS)[0],
            json.dumps({"words": WORDS}, default=list), list(map(sorted, sorted([{"b", "a"}, {"c", "a"}], key=list))))


def case_functions_that_keep_a_set():  # works
    keep = functools.partial(isinstance, set(WORDS))
    both = functools.reduce(operator.or_, [{"a"}, {"b"}], set(WORDS))
    by = collections.defaultdict(set, a=set(WORDS))
    return keep(set), len(both), isinstance(next(itertools.repeat(WORDS)), set), type(by["a"]) is set, type(dict(a=WORDS)["a"]) is set


def case_sets_within():  # works
    return (list(itertools.chain.from_iterable([WORDS, WORDS])), list(itertools.chain(*[WORDS])),
            list(zip(*[WORDS, WORDS]))[0], list(itertools.product(*[WORDS, "a"]))[:2])


def case_topological_order():  # works
    return list(graphlib.TopologicalSorter({"last": WORDS, "end": {"last"}}).static_order())


def case_csv_and_urls():  # works
    file = io.StringIO()
    csv.writer(file).writerow(WORDS)
    csv.writer(file).writerows([WORDS])
    return file.getvalue(), urllib.parse.urlencode({"q": WORDS}, doseq=True)


def case_own_update():  # works
    return Collector().update(WORDS)


def case_sorted_by_a_key():  # works
    return ([item.name for item in sorted(items(), key=lambda item: item.name)],
            [item.name for item in sorted(items(), key=operator.attrgetter("name"), reverse=True)],
            min(items(), key=lambda item: item.name).name, max(items(), key=lambda item: item.name).name)


def case_sorted_by_a_tie():
    sorted(items(), key=lambda item: 1)  # refused: sorting a set of Item by a key that two elements share


def case_least_by_a_tie():
    min(items(), key=lambda item: len(item.name))  # refused: taking the least of a set of Item by a key that two elements share


def case_elements_with_an_order_of_their_own():  # works
    hosts = {ipaddress.ip_address("10.0.0.2"), ipaddress.ip_address("10.0.0.1")}
    return [str(host) for host in hosts], [item.name for item in {Ranked("b"), Ranked("a")}], list({2j, 1j, 1 + 1j})


def case_elements_that_are_equal_in_order():
    list({Ranked("a"), Ranked("a")})  # refused: iterating a set of Ranked


def case_not_a_number():  # works
    return str([x for x in {float("nan"), 1.0, -1.0}])


def case_blind_to_order():  # works
    found = items()
    both = found | {Item("d")}
    both.update(items())
    return (len({item.name for item in found}), sorted(item.name for item in found), len(both), max(i.name for i in found),
            any(item.name == "a" for item in found), all(item.name for item in found), set(found) == found, bool(found))


def case_generator_that_calls():
    any(print(item) for item in items())  # refused: iterating a set of Item


def case_weak_sets():
    kept = [Item("a"), Item("b")]
    for _ in weakref.WeakSet(kept):  # refused: iterating a set of Item
        pass


def case_weak_sets_of_values():  # works
    @dataclasses.dataclass(frozen=True)
    class Key:
        name: str
    kept = [Key("c"), Key("a"), Key("b")]
    return [key.name for key in weakref.WeakSet(kept)], len(weakref.WeakSet(kept)), kept[0] in weakref.WeakSet(kept)


def case_hash_methods():  # works
    return "a".__hash__(), (1, "a").__hash__(), hash("a") == "a".__hash__()


def case_hash_method_of_an_object():
    Item("a").__hash__()  # refused: hash of an object without a __hash__ of its own


def case_hash_of_the_base_class():  # works
    class Name(str):
        def __hash__(self):
            return super().__hash__()
    class Same:
        __hash__ = object.__hash__
    return {Name("a"): 1}["a"], len({Same(), Same()}), {"a": 2}[Name("a")]


def case_views_and_counters():  # works
    counts = collections.Counter(a=1)
    counts.update(WORDS)
    order = collections.OrderedDict.fromkeys(WORDS)
    return list(counts), list(order), list(counts.keys() - {"a"}), collections.ChainMap(dict.fromkeys(WORDS)).popitem()


class Name:
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return self.name == getattr(other, "name", other)

    def __hash__(self):
        return hash(self.name)


class Typed(Name):
    def __hash__(self):
        return hash((type(self), self.name))


class Folded(str):
    def __eq__(self, other):
        return self.lower() == other.lower()

    def __hash__(self):
        return self.lower().__hash__()


def case_own_hash_agrees_with_text():  # works
    found = {Name("a"): 1, "b": 2}
    assert found["a"] == 1 and found[Name("b")] == 2 and "a" in {Name("a")} and {Folded("AB"): 1}["ab"] == 1
    return hash(Name("a")), hash(Name("a")) == hash("a"), hash(Folded("AB")), len({Name("a"), "a"})


def case_hash_of_types():  # works
    assert len({Typed("a"), Typed("a"), Typed("b")}) == 2
    return hash(Typed("a")), hash(Name), hash((int, "a"))


def case_star_imports():  # works
    names = {}
    exec("from itertools import *\nmade = list(chain(words, words))", {"words": WORDS}, names)
    return names["made"]


def case_copies_of_builtins():  # works
    import copy
    return copy.copy(sorted) is sorted, copy.deepcopy({"by": max})["by"] is max


class Emptied(set):
    def pop(self):
        return super().pop()


class Last(list):
    def pop(self, *args):
        return super().pop(*args) if args else super().pop()


def case_pop_of_super():  # works
    made, last = Emptied(WORDS), Last([1, 2, 3])
    return [made.pop() for _ in WORDS], last.pop(), last.pop(0)


def case_values_of_fromkeys_are_kept():  # works
    shared = {1, 2}
    made = dict.fromkeys(WORDS, shared)
    assert all(value is shared for value in made.values())
    return list(made)


def case_nothing_is_left_in_with():  # works
    import contextlib
    with contextlib.nullcontext(({2, 1}, 3)) as ((one, two), three):
        names = sorted(locals())
    assert names == ["contextlib", "one", "three", "two"], names
    return one, two, three


@dataclasses.dataclass(eq=False)
class Branch:
    name: str
    above: object = None
    below: list = dataclasses.field(default_factory=list)
    tags: set = dataclasses.field(default_factory=set)

    def grow(self, name):
        self.below.append(Branch(name, self, tags=self.tags))
        return self.below[-1]


def case_pickles_of_circles():  # works
    import pickle
    tree = Branch("root", tags=set(WORDS))
    for name in "abc":
        tree.grow(name).grow("leaf")
    found = pickle.loads(pickle.dumps(tree))
    assert found.below[0].above is found and found.below[1].tags is found.tags and type(found.tags) is set
    ring = [WORDS]
    ring += [ring, (ring,)]
    again = pickle.loads(pickle.dumps(ring))
    assert again[1] is again and again[2][0] is again
    return pickle.dumps(tree), pickle.dumps(ring)


def case_pickles_of_what_is_shared():  # works
    import pickle
    wide = [1]
    for _ in range(40):
        wide = [wide, wide]
    found = pickle.loads(pickle.dumps([wide, WORDS, {"again": WORDS}]))
    assert found[0][0] is found[0][1] and found[1] is found[2]["again"]
    return len(pickle.dumps(wide))


class Adds:
    got = None

    def __iadd__(self, other):
        self.got = other
        return self

    __ior__ = __iadd__


class Sums:
    def __add__(self, other):
        return other


def case_augmented_assignment_to_ones_own_class():  # works
    """A method of the user's is handed the set itself."""
    name, shelf, boxes = Adds(), Item("x"), {"k": Adds(), "l": []}
    name += WORDS
    assert name.got is WORDS
    name |= WORDS
    shelf.adds = Adds()
    shelf.adds += WORDS
    boxes["k"] |= WORDS
    assert name.got is shelf.adds.got is boxes["k"].got is WORDS
    total = Sums()
    total += WORDS
    assert total is WORDS
    boxes["l"] += WORDS
    return boxes["l"]


class Body:
    found = []
    found += WORDS
    by_name = {"a": []}
    key = "a"
    by_name[key] += WORDS


def case_augmented_assignment_in_a_class():  # works
    return Body.found, Body.by_name


def case_operands_that_do_not_fit():  # works
    total = 1
    try:
        total += WORDS
    except TypeError as error:
        return str(error)


def case_json_encoders():  # works
    return json.JSONEncoder(default=list).encode({"a": WORDS})


def case_pprint():  # works
    import pprint

    class Printer(pprint.PrettyPrinter):
        def format(self, value, context, depth, level):
            return ("<n>", True, False) if isinstance(value, int) else super().format(value, context, depth, level)

    buffer = io.StringIO()
    pprint.pprint([WORDS, Item("a")], buffer)
    pprint.pp({"b": 1, "a": WORDS}, buffer)
    return buffer.getvalue(), pprint.pformat({"a": [WORDS, frozenset(WORDS)]}), pprint.saferepr(WORDS), Printer().pformat([1, WORDS])


def case_contexts():
    import contextvars
    list(contextvars.copy_context())  # refused: iterating a contextvars.Context


def case_items_of_contexts():
    import contextvars
    for variable, value in contextvars.copy_context().items():  # refused: iterating a contextvars.Context
        return variable, value


def case_variables_of_contexts():  # works
    import contextvars
    variable, context = contextvars.ContextVar("variable"), contextvars.Context()
    context.run(variable.set, 3)
    return context[variable], variable in context, len(context), context.get(variable)


def case_hash_of_nan():  # works
    import decimal
    values = float("nan"), (1, float("nan")), complex("nan"), decimal.Decimal("NaN"), frozenset([float("nan")])
    return [hash(value) for value in values]


def case_default_by_position():  # works
    import vendored
    return vendored.dumps(WORDS, list)
