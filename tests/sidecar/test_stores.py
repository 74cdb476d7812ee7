"""What every store must do, run on both; and what is SQLite's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE
from trio_durable import Client, Worker, abc
from trio_durable._errors import SidecarError
from trio_durable.sidecar import MemoryStore, SQLiteStore, open_sidecar
from trio_durable.sidecar.stores.sqlite import SCHEMA_VERSION

SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "x.db")
    yield made
    made.close()


def create(instance_id, parent=None, state=b"s", payload=None):
    return abc.CreateInstance(instance_id, parent, state, payload)


def test_a_new_store_is_empty(store):
    assert store.recover() == abc.Snapshot()
    assert store.instance("a") is None
    assert store.history("a") == []
    assert store.children("a") == []
    assert store.instance_ids(after=None, limit=10) == []


def test_what_was_committed_is_recovered(store):
    store.commit(
        [
            create("b", state=b"one", payload="0"),
            create("a", parent="b"),
            abc.AddInbox("a", 7, b"late"),
            abc.AddInbox("b", 3, b"early"),
            abc.AddActivity("b", 5, "x1", b"act"),
            abc.AddTimer("b", 4, 2**62),
        ]
    )
    found = store.recover()
    assert [row.instance_id for row in found.instances] == ["b", "a"]  # in order of creation
    assert found.instances[0] == abc.StoredInstance("b", None, True, b"one", "0")
    assert found.inbox == [abc.StoredEvent("b", 3, b"early"), abc.StoredEvent("a", 7, b"late")]
    assert found.activities == [abc.StoredActivity("b", 5, "x1", b"act")]
    assert found.timers == [abc.StoredTimer("b", 4, 2**62)]
    assert store.children("b") == ["a"]


def test_what_was_handed_down_stays(store):
    store.commit([abc.CreateInstance("a", None, b"s", "1", b"above")])
    store.commit([abc.UpdateInstance("a", True, b"t"), abc.ClearExecution("a", "2")])
    assert store.instance("a") == abc.StoredInstance("a", None, True, b"t", "2", b"above")
    assert store.recover().instances == [store.instance("a")]
    store.commit([create("a")])
    assert store.instance("a").handed_down is None


def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path):
    SQLiteStore(tmp_path / "x.db").close()
    with closing(sqlite3.connect(tmp_path / "x.db")) as db:
        db.execute("ALTER TABLE instances DROP COLUMN handed_down")
        db.execute("INSERT INTO instances (id, active, state) VALUES ('a', 1, x'01')")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    for _ in range(2):
        store = SQLiteStore(tmp_path / "x.db")
        assert store.instance("a") == abc.StoredInstance("a", None, True, b"\1", None)
        store.close()


@pytest.mark.parametrize("stopped_after", range(1, 7))
def test_bringing_a_file_up_to_date_may_be_interrupted_anywhere(tmp_path, monkeypatch, stopped_after):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA_1)
    count = 0

    class Stops(apsw.Connection):
        def execute(self, *arguments, **options):
            nonlocal count
            count += 1
            if count > stopped_after:
                raise KeyboardInterrupt
            return super().execute(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(apsw, "Connection", Stops)
        with pytest.raises(KeyboardInterrupt):
            SQLiteStore(path)
    with closing(SQLiteStore(path)) as store:
        assert store.instance("child").parent_id == "parent"
        assert store.recover().instances[0].handed_down is None


async def test_a_file_of_the_first_schema_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA_1)

    async def flow(ctx, n: int):
        first = await ctx.call_activity("add", input=n)
        child = ctx.call_child_orchestrator("waits", instance_id="child")
        second = ctx.call_activity("slow", input=first)
        deadline = ctx.create_timer(timedelta(seconds=1))
        return [await second, await child, await ctx.wait_for_external_event("word"), await deadline]

    async def waits(ctx):
        return await ctx.wait_for_external_event("go")

    def slow(ctx, n: int):
        return n + 10

    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel(), sandbox="off")
        worker.add_orchestrator(flow)
        worker.add_orchestrator(waits)
        worker.add_activity(slow)
        await nursery.start(worker.serve)
        assert (await client.get_orchestration_state("done")).get_output() == "went"
        await client.raise_orchestration_event("child", "go", data="child's")
        state = await client.wait_for_orchestration_completion("parent", timeout=PATIENCE)
        assert state.get_output() == [12, "child's", "kept", None]
        nursery.cancel_scope.cancel()


def test_a_file_of_a_later_schema_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "x.db"
    SQLiteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    said = f"schema {SCHEMA_VERSION + 1}; this version reads schema {SCHEMA_VERSION},.*Use the version that wrote it"
    with pytest.raises(SidecarError, match=said):
        SQLiteStore(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)


def test_a_turn(store):
    store.commit([create("a"), abc.AddInbox("a", 1, b"1"), abc.AddInbox("a", 2, b"2"), abc.AddInbox("a", 3, b"3")])
    store.commit(
        [abc.TakeInbox("a", 2), abc.AppendHistory("a", 0, 2, b"h1"), abc.UpdateInstance("a", True, b"running")]
    )
    store.commit([abc.AppendHistory("a", 2, 1, b"h2")])
    assert store.history("a") == [(2, b"h1"), (1, b"h2")]
    assert [event.sequence for event in store.recover().inbox] == [3]
    assert store.instance("a").state == b"running"


def test_an_ended_instance_is_kept_but_not_recovered(store):
    store.commit([create("a"), abc.AddInbox("a", 1, b"1"), abc.AddTimer("a", 1, 5), abc.AddActivity("a", 2, "x", b"t")])
    store.commit([abc.AppendHistory("a", 0, 1, b"h"), abc.UpdateInstance("a", False, b"done")])
    found = store.recover()
    assert (found.instances, found.inbox, found.timers) == ([], [], [])
    assert len(found.activities) == 1  # fire and forget: it is still run
    assert store.instance("a").active is False
    assert store.history("a") == [(1, b"h")]


def test_starting_over_keeps_the_instance_and_its_activities(store):
    store.commit(
        [
            create("a", parent="p", payload="1"),
            abc.AddInbox("a", 1, b"1"),
            abc.AppendHistory("a", 0, 1, b"h"),
            abc.AddTimer("a", 1, 5),
            abc.AddActivity("a", 2, "x", b"t"),
        ]
    )
    store.commit([abc.ClearExecution("a", "2"), abc.AddInbox("a", 9, b"new")])
    found = store.recover()
    assert store.instance("a") == abc.StoredInstance("a", "p", True, b"s", "2")
    assert store.history("a") == []
    assert (found.inbox, found.timers) == ([abc.StoredEvent("a", 9, b"new")], [])
    assert len(found.activities) == 1


@pytest.mark.parametrize("last", [create("a", state=b"new"), abc.DeleteInstance("a")], ids=["create", "delete"])
def test_creating_again_and_deleting_leave_nothing_behind(store, last):
    store.commit(
        [
            create("a", parent="p", payload="1"),
            create("other"),
            abc.AddInbox("a", 1, b"1"),
            abc.AppendHistory("a", 0, 1, b"h"),
            abc.AddTimer("a", 1, 5),
            abc.AddActivity("a", 2, "x", b"t"),
        ]
    )
    store.commit([last])
    found = store.recover()
    assert (found.inbox, found.timers, found.activities, store.history("a")) == ([], [], [], [])
    assert store.children("p") == []
    assert store.instance("other") is not None
    if isinstance(last, abc.DeleteInstance):
        assert store.instance("a") is None
        store.commit([last])  # again: no error
    else:
        assert store.instance("a") == abc.StoredInstance("a", None, True, b"new", None)


def test_answered_activities_and_fired_timers_are_gone(store):
    store.commit([create("a"), abc.AddActivity("a", 2, "x", b"t"), abc.AddTimer("a", 1, 5), abc.AddTimer("a", 2, 6)])
    store.commit([abc.RemoveActivity(2), abc.RemoveTimer("a", 1)])
    found = store.recover()
    assert (found.activities, found.timers) == ([], [abc.StoredTimer("a", 2, 6)])


def test_ids_in_pages(store):
    store.commit([create(name) for name in ("c", "a", "é", "b", "B")])
    assert store.instance_ids(after=None, limit=3) == ["B", "a", "b"]
    assert store.instance_ids(after="b", limit=3) == ["c", "é"]


def test_payloads_of_any_kind_and_size(store):
    big = bytes(range(256)) * 8192
    store.commit([create("a", state=big, payload="\x00'\"ü" * 1000), abc.AppendHistory("a", 0, 1, big)])
    assert store.instance("a") == abc.StoredInstance("a", None, True, big, "\x00'\"ü" * 1000)
    assert store.history("a") == [(1, big)]


NAMES = st.sampled_from(["a", "b", "c"])
CHANGES = st.lists(
    st.one_of(
        st.builds(create, NAMES, st.sampled_from([None, "a"]), st.binary(max_size=3), st.none() | st.text(max_size=2)),
        st.builds(abc.UpdateInstance, NAMES, st.booleans(), st.binary(max_size=3)),
        st.builds(abc.ClearExecution, NAMES, st.none() | st.text(max_size=2)),
        st.builds(abc.DeleteInstance, NAMES),
        st.builds(abc.TakeInbox, NAMES, st.integers(0, 60)),
        st.builds(abc.RemoveActivity, st.integers(0, 60)),
        st.builds(abc.AddTimer, NAMES, st.integers(1, 3), st.integers(0, 2**62)),
        st.builds(abc.RemoveTimer, NAMES, st.integers(1, 3)),
        st.tuples(st.sampled_from(["inbox", "activity", "history"]), NAMES),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, cuts=st.sets(st.integers(0, 30), max_size=4))
def test_both_stores_are_one(changes, cuts, tmp_path_factory):
    memory, sqlite = MemoryStore(), SQLiteStore(tmp_path_factory.mktemp("db") / "x.db")
    try:
        batch: list[abc.Change] = []
        known: set[str] = set()
        active: set[str] = set()
        starts: dict[str, int] = {}
        for number, change in enumerate(changes, 1):
            # The sidecar adds only to instances that exist and have not ended.
            if isinstance(change, tuple):
                kind, name = change
                if name not in active:
                    continue
                if kind == "inbox":
                    change = abc.AddInbox(name, number, b"i")
                elif kind == "activity":
                    change = abc.AddActivity(name, number, "x", b"a")
                else:
                    change = abc.AppendHistory(name, starts.setdefault(name, 0), 1, b"h")
                    starts[name] += 1
            elif isinstance(change, abc.AddTimer) and change.instance_id not in active:
                continue
            elif isinstance(change, abc.CreateInstance):
                known.add(change.instance_id)
                active.add(change.instance_id)
                starts.pop(change.instance_id, None)
            elif isinstance(change, abc.UpdateInstance):
                if change.instance_id not in active:
                    continue
                if not change.active:
                    active.discard(change.instance_id)
            elif isinstance(change, abc.DeleteInstance):
                active.discard(change.instance_id)
                known.discard(change.instance_id)
            elif isinstance(change, abc.ClearExecution):
                if change.instance_id not in active:
                    continue
                starts.pop(change.instance_id, None)
            batch.append(change)
            if number in cuts:
                memory.commit(batch)
                sqlite.commit(batch)
                batch = []
        memory.commit(batch)
        sqlite.commit(batch)
        ours, theirs = memory.recover(), sqlite.recover()
        ours.timers.sort(key=repr)
        theirs.timers.sort(key=repr)
        assert ours == theirs
        for name in "abc":
            assert memory.instance(name) == sqlite.instance(name)
            assert memory.history(name) == sqlite.history(name)
            assert memory.children(name) == sqlite.children(name)
        assert memory.instance_ids(after="a", limit=2) == sqlite.instance_ids(after="a", limit=2)
    finally:
        sqlite.close()


# -- SQLite's own --


def test_a_commit_that_fails_changes_nothing(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    store.commit([create("a")])
    with pytest.raises(apsw.ConstraintError):
        store.commit([create("b"), abc.AddInbox("a", 1, b"1"), abc.AddInbox("a", 1, b"2")])
    assert store.instance("b") is None
    assert store.recover().inbox == []
    store.commit([create("b")])
    store.close()


def test_a_second_sidecar_on_the_file_is_told_so(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    with pytest.raises(SidecarError, match="in use by another process"):
        SQLiteStore(tmp_path / "x.db")
    store.commit([create("a")])
    store.close()
    again = SQLiteStore(tmp_path / "x.db")
    assert again.instance("a") is not None
    again.close()


def test_files_that_are_not_ours_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "text.db"
    text.write_bytes(b"hello, I am no database. " * 100)
    with pytest.raises(SidecarError, match="no database"):
        SQLiteStore(text)
    assert text.read_bytes().startswith(b"hello")
    other = tmp_path / "other.db"
    with apsw.Connection(str(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(SidecarError, match="schema 0"):
        SQLiteStore(other)
    with pytest.raises(SidecarError, match="cannot be opened"):
        SQLiteStore(tmp_path / "no" / "such" / "folder.db")


def test_it_writes_ahead_and_syncs_fully(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    assert store._db.pragma("journal_mode") == "wal"
    assert store._db.pragma("synchronous") == 2
    assert store._db.pragma("locking_mode") == "exclusive"
    store.close()
