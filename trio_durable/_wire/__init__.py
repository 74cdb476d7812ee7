"""Messages of the protocol <-> _core's events, actions and requests.

Pure: one function per message and direction, no I/O, no clock.  The word "workflow" of the newest protocol lives here
and in the generated package, and is translated here.  Dialects differ only in this room.

    presence.py   which fields of a message are there
    times.py      timestamps
    failures.py   failure details
    common.py     routers, trace contexts, parents, origins of timers
    events.py     history events
    actions.py    actions
    requests.py   turns, activities and their answers (what a worker exchanges)
    states.py     instances as clients see them, and the request that creates one
    splice.py     work items made of events that are encoded already
    serving.py    the service's handlers, on top of an object that knows no message
    dialects.py   what older dialects say in fields that ours does not have
"""
