"""Makes the histories of `tests/histories/kit`: `python -m tests.testing.record`.  Existing files stay as they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import trio

from tests.testing import shop
from tests.testing.conftest import shop_worker
from trio_durable.testing import History, TestEnvironment, open_test_environment

FOLDER = Path(__file__).parents[1] / "histories" / "kit"
NAMES = ("order approved", "order refunded", "order after retries", "children", "generator", "suspended", "terminated")


async def record(name: str) -> History:
    """The history of the scene of this name."""
    async with open_test_environment(shop_worker()) as env:
        await env.advance(1)
        return await _scene(env, name)


async def _scene(env: TestEnvironment, name: str) -> History:
    order = shop.Order("tea", 2)
    if name.startswith("order"):
        if name == "order after retries":
            env.fake(shop.charge, fails_on=[1, 2], error=ConnectionError("busy"))
        instance = env.schedule(shop.fulfil, input=order, instance_id="order")
        await env.settle()
        if name != "order refunded":
            instance.raise_event("APPROVE", True)
    elif name == "children":
        instance = env.schedule(shop.fulfil_all, input=3, instance_id="parent")
    elif name == "generator":
        instance = env.schedule(shop.generator, input=2, instance_id="generator")
    else:
        instance = env.schedule(shop.waits, instance_id=name)
        await env.settle()
        instance.suspend("lunch")
        await env.settle()
        instance.raise_event("go", [0, "", None])
        await env.settle()
        if name == "terminated":
            instance.terminate({"why": "late"})
        else:
            instance.resume()
    await env.advance(timedelta(seconds=1))
    await instance.completion()
    return instance.history.without_stack_traces()


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path = FOLDER / f"{name.replace(' ', '-')}.json"
        if not path.exists():
            (await record(name)).save(path)
            print(path)


if __name__ == "__main__":
    trio.run(main)
