"""Values <-> JSON payloads: the converter that is used if none is given, and how every converter is called."""

from trio_durable._converter.values import JsonConverter, decode, encode

__all__ = ["JsonConverter", "decode", "encode"]
