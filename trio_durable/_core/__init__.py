"""The two pure state machines and what they share.

A durable orchestration is a conversation.  The worker half (`replay.Replay`) takes events and asks for actions; the
service half (`instance.Instance`) takes actions and writes events.  Neither has a clock, a socket, a thread or a
protobuf message: time is an `int` of nanoseconds since the epoch (UTC) that comes in with events, payloads are
`str | None` holding JSON text that nobody here reads.

what they share
    events.py        what happened: the history's vocabulary
    actions.py       what the code asks for
    ledger.py        the table that ties each action to the event that confirms it and the events that answer it
    failures.py      failures as data;  envelope.py: metadata around payloads;  versions.py: patches
    clock.py         nanoseconds <-> datetime, the sentinel of indefinite waits
    retry.py         retry arithmetic

the worker half, from the event to the user's code and back
    replay.py        takes events one by one, runs the code, says what the turn comes to
    outstanding.py   what was asked for, by id: confirmed, answered, or in disagreement with history
    mailbox.py       external events and those who wait for them
    asking.py        what code asks for: each call takes an id in `outstanding` and gives a future
    futures.py       what orchestrations await: durable futures, when_all, when_any
    work.py          what goes on behind a future: the attempts of a call, a coroutine
    scheduler.py     deterministic tasks, first in first out;  coroutines.py: what they are made of
    tasks.py         one task, and the one doorway through which it gives up control
    scope_tree.py    how a cancellation spreads;  scopes.py: the `with` block;  groups.py: exception groups
    deadlines.py     deadlines as durable timers;  timeouts.py: sleeping and timeouts
    nurseries.py     nurseries;  sync.py, parking.py: locks and their kin;  channels.py, safe_channels.py;  runvars.py
    signals.py       the error classes that tasks meet, handed in from outside;  waits.py: who waits for what, in words

the service half
    instance.py      folds history, plans a turn, decides what its answer comes to
    carrying_out.py  what each action of a turn does
    rerun.py         running a history again from one of its events
    view.py          histories that were handed down
"""
