"""random and uuid are deterministic; sources of real entropy are refused."""
import os
import random
import random as rnd
import secrets
import uuid
from dataclasses import dataclass, field
from os import urandom
from random import Random, SystemRandom, choice, randint
from uuid import UUID, uuid4

FIRST = random.random()


@dataclass
class Order:
    id: UUID = field(default_factory=uuid4)
    token: float = field(default_factory=random.random)


class Dice(Random):
    def roll(self):
        return self.randint(1, 6)


def case_random():  # works
    return FIRST, random.random(), rnd.random(), randint(1, 1000), choice("abcdef")


def case_all_functions():  # works
    return (random.uniform(1, 2), random.triangular(), random.randrange(10), random.sample(range(100), 5),
            random.choices("abc", [1, 2, 3], k=4), random.normalvariate(0, 1), random.lognormvariate(0, 1),
            random.expovariate(1), random.vonmisesvariate(0, 1), random.gammavariate(1, 2), random.gauss(0, 1),
            random.betavariate(1, 2), random.paretovariate(1), random.weibullvariate(1, 2), random.getrandbits(70),
            random.randbytes(5))


def case_shuffle():  # works
    cards = list(range(20))
    random.shuffle(cards)
    return cards


def case_stream_goes_on():  # works
    drawn = [random.random() for _ in range(5)]
    assert len(set(drawn)) == 5
    return drawn


def case_seed():  # works
    random.seed(42)
    assert random.random() == 0.6394267984578837
    random.seed()
    return random.random()


def case_state():  # works
    state = random.getstate()
    first = random.random()
    random.setstate(state)
    assert random.random() == first
    return first


def case_unseeded_instances():  # works
    a, b = Random(), Random()
    assert a.random() != b.random() and isinstance(a, random.Random)
    return a.random(), b.randint(1, 1000)


def case_seeded_instance():  # works
    assert Random(42).random() == 0.6394267984578837
    return Random("text").random(), Random(b"bytes").random(), Random(1.5).random()


def case_subclass():  # works
    return Dice().roll(), Dice(3).roll(), [Dice().roll() for _ in range(5)]


def case_reseeded_instance():  # works
    r = Random(1)
    r.seed()
    return r.random()


def case_copied_instance():  # works
    import copy
    r = Random()
    return r.random() and copy.deepcopy(r).random() == r.random()


def case_uuid():  # works
    made = [uuid.uuid4(), uuid4(), uuid.uuid1(), uuid.uuid1()]
    assert len({*made}) == 4 and made[0].version == 4 and made[2].version == 1 and made[2].time < made[3].time
    assert type(made[0]) is UUID
    return made


def case_uuid_pure():  # works
    return uuid.uuid5(uuid.NAMESPACE_DNS, "a"), uuid.uuid3(uuid.NAMESPACE_URL, "b"), UUID(int=5)


def case_default_factory():  # works
    assert Order() != Order()
    return Order()


def case_uuid_getattr():  # works
    return getattr(uuid, "uuid" + "4")()


def case_urandom():
    os.urandom(4)  # refused: os.urandom


def case_urandom_from_import():
    urandom(4)  # refused: os.urandom


def case_getrandom():
    os.getrandom(4)  # refused: os.getrandom


def case_secrets():
    secrets.token_hex()  # refused: secrets.token_hex


def case_secrets_choice():
    secrets.choice([1])  # refused: secrets.choice


def case_secrets_randbelow():
    from secrets import randbelow
    randbelow(4)  # refused: secrets.randbelow


def case_system_random():
    random.SystemRandom().random()  # refused: random.SystemRandom


def case_system_random_from_import():
    SystemRandom()  # refused: random.SystemRandom


def case_module_private_alias():
    random._urandom(3)  # refused: random._urandom


def case_getnode():
    uuid.getnode()  # refused: uuid.getnode


def case_c_twin():
    import _random
    _random.Random()  # refused: _random.Random


def case_posix_twin():
    import posix
    posix.urandom(1)  # refused: posix.urandom


def case_compare_digest():  # works
    return secrets.compare_digest("a", "a")
