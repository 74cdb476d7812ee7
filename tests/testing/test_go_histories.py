"""Histories that the real Go sidecar wrote, exported by the command: today's code agrees with each, to the letter."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.testing import scenes
from tests.testing.record_go import FOLDER, SCENES, worker
from trio_durable import NonDeterminismError, Worker
from trio_durable._core import events as ev
from trio_durable.testing import History, load_history, replay_history


@pytest.mark.durable_histories(str(FOLDER))
def test_a_history_of_the_go_sidecar(durable_history):
    replay_history(durable_history, worker=worker(), exact=True)


@pytest.mark.durable_histories(str(FOLDER))
def test_every_beginning_of_it(durable_history):
    """As exported after each of its turns."""
    events = list(durable_history.events)
    turns = [place for place, event in enumerate(events) if isinstance(event, ev.OrchestratorStarted)]
    for _, end in pairwise(turns):
        if any(isinstance(event, ev.ExecutionStarted) for event in events[:end]):
            replay_history(History.of(events[:end], durable_history.instance_id), worker=worker(), exact=True)


def test_all_scenes_are_there():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SCENES)


def test_other_code_does_not_agree():
    changed = Worker("nowhere")
    changed.add_orchestrator(scenes.activities, name="timers")
    with pytest.raises(NonDeterminismError, match="create a timer"):
        replay_history(load_history(FOLDER / "timers.json"), worker=changed)
