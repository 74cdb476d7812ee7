"""Module names that find the right instance's module in `sys.modules`.

The standard library looks modules up by name: dataclasses, typing, pickle, enum and others read
`sys.modules[cls.__module__]`. With one module object per instance, that name must lead to the instance's own.
"""

from __future__ import annotations


class ModuleName(str):
    """Prints and compares as the name that the user wrote, but hashes by identity.

    Registered in `sys.modules` under itself, it is found by exactly those classes and functions that were made in
    that module object; a plain string of the same spelling still finds the host's module. `object.__hash__`, taken
    as it is, keeps the look-up in C.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def __reduce_ex__(self, protocol: object) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)
