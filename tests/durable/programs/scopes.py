"""Cancel scopes: deadlines, shields, nesting, reasons."""

from __future__ import annotations

from math import inf
from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program


@program
async def scope_cancelled_before_checkpoint(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        log("still here")
        await trio.lowlevel.checkpoint()
        log("never")
    return scope.cancelled_caught, scope.cancel_called


@program
async def scope_cancelled_without_checkpoint(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
    return scope.cancelled_caught, scope.cancel_called


@program
async def scope_cancelled_before_entry(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope()
    scope.cancel()
    with scope:
        log("in")
        await trio.sleep(1)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_is_level_triggered(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        for number in range(3):
            try:
                await trio.sleep(1)
            except trio.Cancelled:
                log("cancelled", number)
        await trio.sleep(1)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_entered_twice(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope()
    with scope:
        pass
    with scope:
        pass


@program
async def scope_entered_in_itself(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope()
    with scope, scope:
        pass


@program
async def scope_deadline(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        await trio.sleep(10)
    return scope.cancelled_caught, trio.current_time(), scope.deadline


@program
async def scope_deadline_not_reached(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        await trio.sleep(1)
    await trio.sleep(5)
    return scope.cancelled_caught, scope.cancel_called, trio.current_time()


@program
async def scope_past_deadline(trio: Any, log: Log) -> Any:
    await trio.sleep(5)
    with trio.CancelScope(deadline=3) as scope:
        log(scope.cancel_called)
        await trio.lowlevel.checkpoint()
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_infinite_deadline(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=inf) as scope:
        await trio.sleep(1)
    return scope.cancelled_caught, scope.deadline


@program
async def scope_deadline_minus_infinity(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=-inf) as scope:
        await trio.sleep_forever()
    return scope.cancelled_caught


@program
async def scope_deadline_extended(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        await trio.sleep(1)
        scope.deadline += 4
        await trio.sleep(100)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_deadline_extended_again_and_again(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        for _ in range(4):
            await trio.sleep(2)
            scope.deadline = trio.current_time() + 3
        await trio.sleep(100)
    return trio.current_time()


@program
async def scope_deadline_shortened(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=30) as scope:
        await trio.sleep(1)
        scope.deadline = 4
        await trio.sleep(100)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_deadline_shortened_then_extended(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=30) as scope:
        await trio.sleep(1)
        scope.deadline = 4
        await trio.sleep(1)
        scope.deadline = 50
        await trio.sleep(100)
    return trio.current_time()


@program
async def scope_deadline_set_to_the_past(trio: Any, log: Log) -> Any:
    await trio.sleep(5)
    with trio.CancelScope() as scope:
        scope.deadline = 2
        log(scope.cancel_called)
        await trio.lowlevel.checkpoint()
        log("not here")
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_deadline_set_to_the_past_while_others_run(trio: Any, log: Log) -> Any:
    await trio.sleep(5)
    with trio.CancelScope() as scope:
        scope.deadline = 2
        for number in range(3):
            await trio.lowlevel.checkpoint()
            log(number)
    return scope.cancelled_caught


@program
async def scope_deadline_set_to_the_past_from_another_task(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        async def sleeper() -> None:
            try:
                await trio.sleep_forever()
            finally:
                log("woken", trio.current_time())

        nursery.start_soon(sleeper)
        await trio.sleep(3)
        nursery.cancel_scope.deadline = 1
        await trio.sleep(1)
        log("not here")


@program
async def scope_deadline_removed(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        await trio.sleep(1)
        scope.deadline = inf
        await trio.sleep(5)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_deadline_toggled(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=3) as scope:
        for _ in range(5):
            scope.deadline = 7
            scope.deadline = 3
        await trio.sleep(100)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_relative_deadline(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope(relative_deadline=2)
    log(scope.is_relative, scope.relative_deadline)
    await trio.sleep(5)
    with scope:
        log(scope.is_relative, scope.deadline, scope.relative_deadline)
        await trio.sleep(100)
    return scope.cancelled_caught, trio.current_time()


@program
async def scope_relative_deadline_changed(trio: Any, log: Log) -> Any:
    with trio.move_on_after(2) as scope:
        await trio.sleep(1)
        scope.relative_deadline = 5
        await trio.sleep(100)
    return trio.current_time(), scope.deadline


@program
async def scope_unentered_relative_has_no_deadline(trio: Any, log: Log) -> Any:
    scope = trio.move_on_after(2)
    try:
        log(scope.deadline)
    except RuntimeError as error:
        log(error)
    try:
        scope.deadline = 3
    except RuntimeError as error:
        log(error)
    absolute = trio.move_on_at(7)
    try:
        log(absolute.relative_deadline)
    except RuntimeError as error:
        log(error)


@program
async def scope_bad_arguments(trio: Any, log: Log) -> Any:
    nan = float("nan")
    for arguments in (
        {"deadline": nan},
        {"relative_deadline": nan},
        {"relative_deadline": -1},
        {"deadline": 1, "relative_deadline": 1},
    ):
        try:
            trio.CancelScope(**arguments)
        except ValueError as error:
            log(error)
    scope = trio.CancelScope()
    try:
        scope.deadline = nan
    except ValueError as error:
        log(error)
    try:
        scope.shield = 1
    except TypeError as error:
        log(error)
    for make in (trio.move_on_after, trio.fail_after):
        for seconds in (-1, nan):
            try:
                with make(seconds):
                    pass
            except ValueError as error:
                log(error)


@program
async def scope_unbound_deadline_passes(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope(deadline=2)
    log(scope.cancel_called)
    await trio.sleep(3)
    log(scope.cancel_called)
    with scope:
        await trio.lowlevel.checkpoint()
    return scope.cancelled_caught


@program
async def scopes_nested_outer_wins(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer, trio.CancelScope() as inner:
        outer.cancel()
        await trio.sleep(1)
    return outer.cancelled_caught, inner.cancelled_caught


@program
async def scopes_nested_inner_only(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer:
        with trio.CancelScope() as inner:
            inner.cancel()
            await trio.sleep(1)
        log("between")
        await trio.sleep(1)
    return outer.cancelled_caught, inner.cancelled_caught, trio.current_time()


@program
async def scopes_nested_both(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer:
        with trio.CancelScope() as inner:
            inner.cancel()
            outer.cancel()
            await trio.sleep(1)
        log("between")
    return outer.cancelled_caught, inner.cancelled_caught


@program
async def scopes_equal_deadlines(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=2) as outer:
        with trio.CancelScope(deadline=2) as inner:
            await trio.sleep(10)
        log("between")
        await trio.sleep(1)
    return outer.cancelled_caught, inner.cancelled_caught, trio.current_time()


@program
async def scope_deadline_equal_to_sleep(trio: Any, log: Log) -> Any:
    with trio.CancelScope(deadline=2) as scope:
        await trio.sleep(2)
        log("slept")
    return scope.cancelled_caught, scope.cancel_called


@program
async def scopes_inner_deadline_later(trio: Any, log: Log) -> Any:
    with trio.move_on_after(2) as outer, trio.move_on_after(5) as inner:
        await trio.sleep(10)
    return outer.cancelled_caught, inner.cancelled_caught, trio.current_time()


@program
async def scopes_inner_deadline_earlier(trio: Any, log: Log) -> Any:
    with trio.move_on_after(5) as outer:
        with trio.move_on_after(2) as inner:
            await trio.sleep(10)
        log(trio.current_time())
        await trio.sleep(10)
    return outer.cancelled_caught, inner.cancelled_caught, trio.current_time()


@program
async def scope_catches_only_its_own(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer:
        try:
            with trio.CancelScope() as inner:
                outer.cancel()
                await trio.sleep(1)
        except trio.Cancelled:
            log("inner let it through", inner.cancelled_caught)
            raise
    return outer.cancelled_caught


@program
async def scope_swallowed_cancelled(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            log("swallowed")
    return scope.cancelled_caught


@program
async def scope_error_during_cancellation(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep(1)
        finally:
            raise KeyError("cleanup")


@program
async def scope_finally_awaits(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as scope:
        try:
            await trio.sleep(5)
        finally:
            log("finally", trio.current_time())
            try:
                await trio.sleep(1)
            finally:
                log("cancelled again", trio.current_time())
    return scope.cancelled_caught


@program
async def shield_keeps_out(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as outer:
        with trio.CancelScope(shield=True) as shield:
            await trio.sleep(3)
        log(trio.current_time())
        await trio.sleep(3)
    return outer.cancelled_caught, shield.cancelled_caught, trio.current_time()


@program
async def shield_in_finally(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as scope:
        try:
            await trio.sleep(9)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
                log("cleaned up", trio.current_time())
    return scope.cancelled_caught, trio.current_time()


@program
async def shield_with_its_own_deadline(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as outer:
        with trio.move_on_after(4, shield=True) as shield:
            await trio.sleep(9)
        log(trio.current_time(), shield.cancelled_caught)
        await trio.sleep(1)
    return outer.cancelled_caught, trio.current_time()


@program
async def shield_switched_off(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as outer, trio.CancelScope(shield=True) as shield:
        await trio.sleep(2)
        shield.shield = False
        await trio.sleep(2)
        log("not here")
    return outer.cancelled_caught, shield.cancelled_caught, trio.current_time()


@program
async def shield_switched_off_from_outside(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        with trio.CancelScope(shield=True) as shield:
            async def opener() -> None:
                await trio.sleep(2)
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)
                    shield.shield = False

            nursery.start_soon(opener)
            nursery.cancel_scope.deadline = 1
            try:
                await trio.sleep(10)
            finally:
                log(trio.current_time())


@program
async def shield_switched_on(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer, trio.CancelScope() as inner:
        outer.cancel()
        inner.shield = True
        await trio.sleep(1)
        log("shielded")
        inner.shield = False
        await trio.sleep(1)
    return outer.cancelled_caught, trio.current_time()


@program
async def effective_deadline(trio: Any, log: Log) -> Any:
    log(trio.current_effective_deadline())
    with trio.CancelScope(deadline=9), trio.CancelScope(deadline=5):
        log(trio.current_effective_deadline())
        with trio.CancelScope(deadline=20, shield=True) as inner:
            log(trio.current_effective_deadline())
            inner.cancel()
            log(trio.current_effective_deadline())


@program
async def cancel_is_idempotent(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        scope.cancel()
        await trio.sleep(1)
    scope.cancel()
    return scope.cancelled_caught


@program
async def cancel_reasons(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel("no longer needed")
        try:
            await trio.sleep(1)
        except trio.Cancelled as error:
            log(error.source, error.reason)
            raise
    with trio.move_on_after(1):
        try:
            await trio.sleep(2)
        except trio.Cancelled as error:
            log(error.source, error.reason, error.source_task)
            raise


@program
async def cancel_reason_of_a_nursery(trio: Any, log: Log) -> Any:
    async def fails() -> None:
        await trio.sleep(1)
        raise KeyError("x")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            try:
                await trio.sleep(5)
            except trio.Cancelled as error:
                log(error.source, error.reason)
                raise
    except* KeyError as group:
        log(group)


@program
async def cancel_reason_is_the_first(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel("first")
        scope.cancel("second")
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            log(error.reason)
            raise


@program
async def cancel_reason_is_inherited(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer, trio.CancelScope():
        outer.cancel("from outside")
        try:
            await trio.sleep(1)
        except trio.Cancelled as error:
            log(error.source, error.reason)
            raise
