"""What values look like as text: sets in order, no addresses, however the text is made."""
import collections
import contextvars
import dataclasses
import functools
import json
import string
import types
import typing
import weakref

WORDS = {"pear", "apple", "fig", "plum", "kiwi", "lime", "date", "sloe"}


class Plain:
    pass


class Spoken:
    def __str__(self):
        return "spoken"


class Holder:
    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"{super().__repr__()} of {self.held!r}"


@dataclasses.dataclass
class Fields:
    one: object
    two: object = None


class Named(typing.NamedTuple):
    one: object


def case_templates():  # works
    template, percent = "{} {!r:.4} {name}", "%s %r"
    return (template.format(WORDS, [WORDS], name=Plain()), percent % (WORDS, Plain()), "{w}".format_map({"w": WORDS}),
            string.Template("$w $p").substitute(w=WORDS, p=Plain()), string.Template("$w").safe_substitute({"w": WORDS}))


def case_percent_with_names():  # works
    assert "%(a)s" % {"a": 1, "b": Plain()} == "1" and 7 % len(WORDS) == 7
    return "%(a)s %(b)r" % {"a": WORDS, "b": Plain()}, "%s" % {"a": WORDS}, "%s %%" % (WORDS,)


def case_exceptions():  # works
    try:
        {}[frozenset(WORDS)]
    except KeyError as error:
        missing = str(error), repr(error), f"{error}"
    return missing, str(ValueError(WORDS)), repr(ValueError("a", Plain())), str(ValueError("plain")), str(OSError(2, "no"))


def case_containers():  # works
    return (str(collections.deque([WORDS])), repr(collections.OrderedDict(a=Plain())), str(collections.Counter(WORDS)),
            repr(collections.defaultdict(list, a=WORDS)), str(types.SimpleNamespace(a=WORDS)))


def case_generated_classes():  # works
    return str(Fields(WORDS, Plain())), repr(Named(WORDS)), f"{Fields([Fields(WORDS)])}", str(Fields("plain")), repr([Named(1)])


def case_what_users_write():  # works
    return repr(Holder(WORDS)), str(Spoken()), repr(Spoken()), f"{Spoken()} {[Spoken()]}", str(Fields(Spoken()))


def case_functions_handed_on():  # works
    show = repr
    return (", ".join(map(str, [Plain(), WORDS])), list(map(repr, [Plain()])), show(WORDS), json.dumps([Plain()], default=str),
            json.dumps({"a": WORDS}, default=repr), sorted([Plain(), Plain()], key=repr) != [], format(Plain()), ascii({"é", "a"}))


def case_methods():  # works
    return Plain().__str__(), Plain().__repr__(), object.__repr__(Plain()), WORDS.__repr__(), str(Holder(1).__repr__)[:18]


def case_other_objects():  # works
    made = Plain()
    texts = (repr(functools.partial(print, Plain())), str(weakref.ref(made)), repr(contextvars.ContextVar("v")), str(Plain().__init__))
    assert not any("0x" in text for text in texts), texts
    return texts


def case_sets_of_objects():  # works
    return str({Plain(), Plain()}), f"{ {Plain(), Spoken()} }", len(repr([{Plain()}, {Plain(), 1}]))


def case_loops():  # works
    loop, other = [], {}
    loop += [loop, WORDS, loop]
    other["self"], other["words"] = other, WORDS
    return str(loop), repr(other)


def case_formats():  # works
    return f"{3:>5}|{'a':5}|{2.5!r:>6}|{True:d}", "{:%Y}".format(__import__("datetime").date(2024, 1, 1)), "%5.1f|%03d" % (2.25, 7)


def case_builtins_in_classes():  # works
    class Report:
        show = repr
        order = sorted
    return Report().show({"b", "a"}), Report().order({"b", "a"})


class Asked(dict):
    def __missing__(self, key):
        return f"no {key}"


class Shouting(dict):
    def __getitem__(self, key):
        return str(super().__getitem__(key)).upper()


class Pair(typing.NamedTuple):
    one: object
    two: object


class Cash:
    def __init__(self, cents):
        self.cents = cents

    def __float__(self):
        return self.cents / 100

    def __int__(self):
        return self.cents


@dataclasses.dataclass
class Place(Fields):
    def __index__(self):
        return self.one


class Translated(str):
    def format(self, *args):
        return [type(arg).__name__ for arg in args]


class Letter(string.Template):
    def substitute(self, *args, **options):
        return super().substitute(*args, **options) + "!"


def case_mappings_with_defaults():  # works
    asked = Asked(a=WORDS)
    assert "%(b)s" % asked == "{b}".format_map(asked) == string.Template("$b").substitute(asked) == "no b"
    assert "%(a)s" % Shouting(a="x", b=WORDS) == "{a}".format_map(Shouting(a="x", b=WORDS)) == "X"
    return "%(a)s" % asked, "{a}".format_map(asked), string.Template("$a").safe_substitute(asked), "%s" % asked


def case_named_tuples_are_tuples():  # works
    return "%s and %s" % Pair(1, WORDS), "%s" % (Pair(WORDS, 2),)


def case_numbers_with_addresses():  # works
    return "%.2f %d" % (Cash(150), Cash(7)), "%d" % Cash(3), "%x %c %d %s" % (Place(255, WORDS), Place(65, WORDS), Place(2, WORDS), 1)


def case_own_format_methods():  # works
    given = Translated("{}").format(WORDS, Plain())
    assert given == ["set", "Plain"], given
    return Letter("$a").substitute(a=WORDS), str.format("{}", WORDS), str.format_map("{a}", {"a": WORDS})


def case_views_and_wrappers():  # works
    found = {"a": WORDS, "b": Plain()}
    return (str(found.values()), f"{found.items()}", repr({frozenset(WORDS): 1}.keys()), str(collections.OrderedDict(found).values()),
            str(types.MappingProxyType(found)), str(collections.UserDict(found)), str(collections.UserList([WORDS])),
            str(collections.ChainMap(found, {"c": WORDS})))


class Shelf(dict):
    def __repr__(self):
        return "Shelf" + super().__repr__()


class Bag(set):
    def __repr__(self):
        return super().__repr__().upper()


class Row(list):
    def __str__(self):
        return list.__repr__(self)


class Failed(Exception):
    def __str__(self):
        return f"failed: {super().__str__()}"


@dataclasses.dataclass
class Short(Fields):
    def __str__(self):
        return f"Short({self.one})"


def case_texts_of_base_classes():  # works
    values = [Shelf(a=WORDS), Bag(WORDS), Row([WORDS]), Failed(WORDS), Short(WORDS)]
    return [str(value) for value in values], [f"{value!r} {value}" for value in values], str(values), "%s %r" % (values[4], values[4])
