"""Sets come in one order everywhere, or are refused."""
import collections
import dataclasses
import datetime
import enum
import functools
import itertools
import json
import uuid
from itertools import chain

WORDS = {"pear", "apple", "fig", "plum", "kiwi", "lime", "date", "sloe"}


class Plain:
    pass


class Fruit(enum.Enum):
    PEAR = 1
    APPLE = 2
    FIG = 3


@dataclasses.dataclass(frozen=True)
class Key:
    name: str
    size: int = 0


def product(items):
    return type(items).__name__, len(items)


def case_for():  # works
    out = []
    for word in WORDS:
        out.append(word)
    return out


def case_comprehensions():  # works
    return [w for w in WORDS], {w: 1 for w in WORDS}, list(w for w in WORDS if w != "fig")


def case_list_and_tuple():  # works
    return list(WORDS), tuple(WORDS), [*WORDS], (lambda *a: a)(*WORDS), next(iter(WORDS)), list(enumerate(WORDS))


def case_unpacking():  # works
    first, *rest = WORDS
    return first, rest


def case_join():  # works
    return ", ".join(WORDS), ", ".join({"b", "a"} | WORDS)


def case_pop():  # works
    left = set(WORDS)
    return left.pop(), left.pop(), len(left), [1, 2].pop(), {"a": 1}.pop("a")


def case_text():  # works
    return f"{WORDS}", str(WORDS), repr(frozenset(WORDS)), "{}".format(WORDS), f"{ {3, 1, 2} }", f"{WORDS!r}"


def case_functions():  # works
    return max(WORDS, key=len), sorted(WORDS, key=len), list(map(str.upper, WORDS)), list(zip(WORDS, range(3))), sum({0.1, 0.2, 0.3})


def case_libraries():  # works
    return (list(chain(WORDS, [1])), list(itertools.islice(WORDS, 2)), collections.deque(WORDS),
            functools.reduce(lambda a, b: a + b, WORDS), list(collections.Counter(WORDS)))


def case_own_function_of_that_name():  # works
    return product(WORDS)


def case_extend_and_update():  # works
    out, counts = [], {}
    out.extend(WORDS)
    counts.update(dict.fromkeys(WORDS))
    return out, list(counts)


def case_set_algebra():  # works
    both = {"a": 1, "b": 2}.keys() & {"b", "a", "c"}
    return list(both), sorted(WORDS - {"fig"}), WORDS == set(list(WORDS)), "fig" in WORDS, type(WORDS) is set


def case_mixed_elements():  # works
    return list({1, "a", None, 2.5, (1, "b"), b"x", Fruit.PEAR, True, frozenset("a"), uuid.UUID(int=3), datetime.date(2024, 1, 1)})


def case_enums_and_dataclasses():  # works
    return list(set(Fruit)), list({Key("b"), Key("a", 2), Key("a", 1)})


def case_classes():  # works
    return [c.__name__ for c in {Plain, Fruit, int, str, Key}]


def case_generator():  # works
    def g():
        yield from WORDS
    return list(g())


def case_json():  # works
    return json.dumps(list(WORDS))


def case_eval():  # works
    return eval("[w for w in WORDS]")


def case_for_over_objects():
    for _ in {Plain(), Plain()}:  # refused: iterating a set of Plain
        pass


def case_list_of_objects():
    list({Plain(), Plain()})  # refused: iterating a set of Plain


def case_pop_of_objects():
    {Plain(), Plain()}.pop()  # refused: iterating a set of Plain


def case_text_of_objects():  # works
    return f"{ {Plain(), Plain()} }"


def case_single_object():  # works
    return len(list({Plain()}))


def case_text_within_containers():  # works
    nested = [{"b", "a"}, {"k": {"d", "c"}}, ({"f", "e"},), {frozenset({"h", "g"})}]
    assert str([{"b", "a"}]) == "[{'a', 'b'}]" and repr(nested) == f"{nested}"
    return repr(nested), "%s of %s" % (nested, 3), "%s" % {"y", "x"}, "%d%%" % 7, "%(k)s" % {"k": 1}


def case_text_without_addresses():  # works
    item, loop = Plain(), []
    loop.append(loop)
    async def coroutine(): ...
    made = coroutine()
    texts = repr(item), str([item]), f"{item} {item!r}", "%s" % item, "%r" % (item,), repr(len), str(case_pop)
    texts += repr(made), repr({1: lambda: 0}), str(item.__init__), str(loop)[:3]
    made.close()
    assert not any(" at 0x" in text for text in texts)
    return texts


class Spoken:
    def __str__(self):
        return "spoken"


def case_text_of_their_own():  # works
    assert str(Spoken()) == "spoken" == f"{Spoken()}" == "%s" % Spoken() and f"{Fruit.PEAR}" == str(Fruit.PEAR)
    return repr(Plain), f"{3:>5}", f"{[1, {2}]}", "%5.1f" % 2.25
