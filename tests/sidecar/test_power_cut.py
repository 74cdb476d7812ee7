"""No answer precedes its commit: the power fails right after each answer, and what was answered must be there.

The file system here keeps two versions of every file: the one that the process sees, and the one that is on the disk
because somebody synced it.  A power cut leaves the second.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import apsw
import pytest
import trio
import trio_durable_proto as pb

from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._wire.events import event_from_bytes
from trio_durable._wire.requests import Activity, ActivityResult, Turn
from trio_durable._wire.splice import events_in
from trio_durable._wire.states import state_from_bytes
from trio_durable.sidecar import SQLiteStore, open_sidecar

_numbers = itertools.count()


class UnreliableDisk(apsw.VFS):
    """A VFS whose files hold, after a power cut, what they held at their last sync."""

    def __init__(self) -> None:
        self.name = f"unreliable-{next(_numbers)}"
        self.synced: dict[str, bytes] = {}
        self.syncs = 0
        self.after_sync = lambda: None
        super().__init__(self.name, "")

    def xOpen(self, name, flags):
        return UnreliableFile(self, name, flags)

    def xDelete(self, name, sync_directory):
        super().xDelete(name, sync_directory)
        if sync_directory:
            self.synced.pop(name, None)


class UnreliableFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        super().__init__("", name, flags)
        self._disk = disk
        self._name = name if name is None or isinstance(name, str) else name.filename()

    def xSync(self, flags):
        super().xSync(flags)
        self._disk.syncs += 1
        if self._name is not None:
            self._disk.synced[self._name] = super().xRead(super().xFileSize(), 0) if super().xFileSize() else b""
        self._disk.after_sync()


@dataclass
class Witness:
    """Everything that was answered, each with what the disk held at that moment."""

    disk: UnreliableDisk
    answers: list[tuple[object, ...]] = field(default_factory=list)
    cuts: list[tuple[int, dict[str, bytes]]] = field(default_factory=list)  # answers so far, the disk

    def answered(self, *what: object) -> None:
        self.answers.append(what)
        self.cut()

    def cut(self) -> None:
        self.cuts.append((len(self.answers), dict(self.disk.synced)))


async def workload(path, disk, worker_class, client_class, scripts, *, instances, sabotage=False, checkpoint=1000):
    """Run chains with an external event each; returns the witness, the commits, and the syncs they took."""
    witness = Witness(disk)
    store = SQLiteStore(path, vfs=disk.name)
    store._db.wal_autocheckpoint(checkpoint)
    disk.after_sync = witness.cut
    before = disk.syncs
    if sabotage:
        store._db.execute("PRAGMA synchronous = OFF")

    class Watched(worker_class):
        async def answer_turn(self, turn: Turn, token: str) -> None:
            await super().answer_turn(turn, token)
            witness.answered("turn", turn.instance_id, len(turn.past) + len(turn.new))

        async def answer_activity(self, activity: Activity, token: str) -> None:
            await super().answer_activity(activity, token)
            witness.answered("activity", activity.instance_id, activity.task_id)

    async with open_sidecar(store=store) as sidecar, trio.open_nursery() as nursery:
        worker = Watched(sidecar.channel(), scripts)
        worker.run_activity = lambda activity: ActivityResult(activity.instance_id, activity.task_id, '"r"')
        nursery.start_soon(worker.serve)
        client = client_class(sidecar.channel())

        async def one(name: str) -> None:
            await client.start("chain", name, '"in"')
            witness.answered("start", name)
            await client.raise_event(name, "hello", f'"{name}"')
            witness.answered("event", name)
            await client.ended(name)
            witness.answered("ended", name)

        async with trio.open_nursery() as clients:
            for number in range(instances):
                clients.start_soon(one, f"i{number}")
        witness.answers.append(("purging", "i0"))
        await client.stub.purge_instances(pb.PurgeInstancesRequest(instance_id="i0"))
        witness.answered("purged", "i0")
        commits, syncs = store.commits, disk.syncs - before
        nursery.cancel_scope.cancel()
    return witness, commits, syncs


def after_the_cut(disk: dict[str, bytes], folder):
    """A store on what the power cut left."""
    folder.mkdir()
    for name, content in disk.items():
        (folder / name.rpartition("/")[2]).write_bytes(content)
    return SQLiteStore(folder / "x.db")


def missing(store: SQLiteStore, answers: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The answers that the store knows nothing of."""
    lost = []
    purged = {answer[1] for answer in answers if answer[0] == "purged"}
    purging = {answer[1] for answer in answers if answer[0] == "purging"}
    waiting: dict[str, list[ev.Event]] = {}
    for row in store.recover().inbox:
        waiting.setdefault(row.instance_id, []).append(event_from_bytes(row.data))
    for answer in answers:
        kind, name = answer[:2]
        row = store.instance(name)
        if name in purged:
            if row is not None:
                lost.append(answer)
            continue
        if row is None:
            if name not in purging:
                lost.append(answer)
            continue
        history = events_in(data for _, data in store.history(name))
        ended = state_from_bytes(row.state).status is Status.COMPLETED
        events = history + waiting.get(name, [])
        if kind == "turn" and len(history) < answer[2]:
            lost.append(answer)
        if kind == "activity" and not any(
            isinstance(event, ev.TaskCompleted) and event.task_scheduled_id == answer[2] for event in events
        ):
            lost.append(answer)
        if kind == "event" and not ended and not any(isinstance(event, ev.EventRaised) for event in events):
            lost.append(answer)
        if kind == "ended" and not ended:
            lost.append(answer)
    return lost


@pytest.fixture
def disk():
    disk = UnreliableDisk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("checkpoint", [1000, 8], ids=["seldom", "often"])
async def test_the_power_fails_after_each_answer_and_each_sync(
    tmp_path, disk, worker_class, client_class, scripts, checkpoint
):
    path = tmp_path / "x.db"
    witness, commits, _ = await workload(
        path, disk, worker_class, client_class, scripts, instances=6, checkpoint=checkpoint
    )
    assert len(witness.answers) >= 6 * (1 + 1 + 4 + 3 + 1) + 1
    assert len(witness.cuts) > len(witness.answers) + commits
    for number, (answered, found) in enumerate(witness.cuts):
        store = after_the_cut(found, tmp_path / str(number))
        try:
            assert missing(store, witness.answers[:answered]) == []
        finally:
            store.close()


async def test_this_test_notices_a_store_that_does_not_sync(tmp_path, disk, worker_class, client_class, scripts):
    witness, _, _ = await workload(
        tmp_path / "x.db", disk, worker_class, client_class, scripts, instances=1, sabotage=True
    )
    answered, found = next(cut for cut in witness.cuts if cut[0] == len(witness.answers) - 2)
    store = after_the_cut(found, tmp_path / "after")
    try:
        assert missing(store, witness.answers[:answered])
    finally:
        store.close()


async def test_a_lone_instance_pays_one_sync_per_answer(tmp_path, disk, worker_class, client_class, scripts):
    path = tmp_path / "x.db"
    _, commits, syncs = await workload(path, disk, worker_class, client_class, scripts, instances=1)
    # At most: the start, the event and its turn, three activities and as many turns, the last turn, the purge.
    assert 8 <= commits <= 11
    assert syncs == commits


async def test_many_instances_share_their_syncs(tmp_path, disk, worker_class, client_class, scripts):
    path = tmp_path / "x.db"
    _, commits, syncs = await workload(path, disk, worker_class, client_class, scripts, instances=50)
    assert commits <= syncs <= commits * 1.5 + 4  # a checkpoint may fall into it, and syncs two files
    assert syncs / 50 < 5, f"{syncs} syncs for 50 instances, where a lone one takes ten"
