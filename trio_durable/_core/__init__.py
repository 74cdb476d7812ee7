"""The two pure state machines and what they share.

A durable orchestration is a conversation.  The worker half (`replay.Replay`) takes events and asks for actions; the
service half (`instance.Instance`) takes actions and writes events.  Neither has a clock, a socket, a thread or a
protobuf message: time is an `int` of nanoseconds since the epoch (UTC) that comes in with events, payloads are
`str | None` holding JSON text that nobody here reads.

    events.py     what happened: the history's vocabulary
    actions.py    what the code asks for
    ledger.py     the table that ties each action to the event that confirms it and the events that answer it
    failures.py   failures as data
    clock.py      nanoseconds <-> datetime, the sentinel of indefinite waits
    retry.py      retry arithmetic
    scheduler.py  deterministic tasks, first in first out
    tasks.py      tasks, and the one doorway through which they give up control
    scopes.py     cancel scopes; deadlines.py: their deadlines as durable timers; timeouts.py: sleeping and timeouts
    nurseries.py  nurseries; sync.py, parking.py: locks and their kin; channels.py, safe_channels.py; runvars.py
    signals.py    the error classes that tasks meet, handed in from outside
    futures.py    what orchestrations await: durable futures, when_all, when_any
    replay.py     the worker half; work.py: what goes on behind a future
    instance.py   the service half
"""
