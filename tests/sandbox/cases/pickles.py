"""Pickles: sets within them are written in order, wherever they are."""
import collections
import copy
import io
import pickle

WORDS = {"pear", "apple", "fig", "plum", "kiwi", "lime", "date", "sloe"}
FROZEN = frozenset(WORDS)


class Words(set):
    pass


class Box:
    __sandbox_order__ = __hash__ = lambda self: 1

    def __init__(self, content):
        self.content = content

    def __eq__(self, other):
        return type(other) is Box and self.content == other.content


class State:
    def __getstate__(self):
        return {"words": set(WORDS)}


class Reduced:
    def __reduce__(self):
        return Reduced, (), {"words": FROZEN}


def case_keys_of_dicts():  # works
    assert pickle.loads(pickle.dumps({FROZEN: 1})) == {FROZEN: 1}
    return pickle.dumps({FROZEN: 1})


def case_sets_within_sets():  # works
    value = {("a", FROZEN), ("b", frozenset("xyz"))}, {FROZEN, frozenset("abc")}, frozenset({FROZEN})
    assert pickle.loads(pickle.dumps(value)) == value
    return pickle.dumps(value)


def case_sets_of_objects():  # works
    return pickle.dumps([Box(set(WORDS)), Box(FROZEN), collections.deque([WORDS]), collections.OrderedDict(a=WORDS)])


def case_states_of_objects():  # works
    assert pickle.loads(pickle.dumps(State())).words == WORDS
    return pickle.dumps(State()), pickle.dumps(Reduced())


def case_classes_of_sets():  # works
    words = Words(WORDS)
    words.label = "fruit"
    back = pickle.loads(pickle.dumps(words))
    assert type(back) is Words and back == words and back.label == "fruit"
    return [pickle.dumps((words, WORDS, FROZEN), protocol) for protocol in range(6)]


def case_sets_that_contain_themselves():  # works
    box = Box(None)
    box.content = {box}
    (inner,) = pickle.loads(pickle.dumps(box.content))
    frozen = Box(None)
    frozen.content = frozenset({frozen})
    (other,) = pickle.loads(pickle.dumps(frozen.content))
    assert inner.content == {inner} and type(other.content) is frozenset
    return pickle.dumps(box), pickle.dumps(frozen)


class Persistent(pickle.Pickler):
    def persistent_id(self, item):
        return "box" if isinstance(item, Box) else None


def case_picklers():  # works
    made = io.BytesIO()
    pickler = pickle.Pickler(made, 4)
    pickler.dump(WORDS)
    pickler.dump([FROZEN])
    assert isinstance(pickler, pickle.Pickler)
    other = io.BytesIO()
    Persistent(other).dump([Box(1), WORDS])
    pickle.dump(WORDS, other, protocol=2)
    return made.getvalue(), other.getvalue()


def case_buffers():  # works
    buffers = []
    pickle.dumps(pickle.PickleBuffer(b"abc"), 5, buffer_callback=buffers.append)
    return len(buffers), pickle.loads(pickle.dumps("\x8f set\n"))


def case_pickles_under_other_names():  # works
    from pickle import dumps
    assert dumps(WORDS) == getattr(pickle, "dumps")(WORDS) == list(map(pickle.dumps, [WORDS]))[0]
    return dumps(copy.deepcopy({FROZEN: [WORDS]}))


def case_sets_without_an_order():
    pickle.dumps({object(), object()})  # refused: iterating a set of object


def case_a_class_of_sets_alone():  # works
    return pickle.dumps(Words(WORDS)), pickle.dumps([Words(WORDS)], 2)
