"""Calls of DuckDB and signals."""

from __future__ import annotations

import signal
import threading
from threading import Event

import duckdb
import pytest

from stedi_cli.questions import calling
from stedi_cli.questions.calling import Calls


def test_a_call_that_notices_no_interrupt_is_left_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calling, "_PATIENCE_SECONDS", 0.0)
    calls, end, ended = Calls(duckdb.connect()), Event(), Event()

    def call() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        end.wait()
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        calls.run(call)
    assert not ended.is_set()
    # What a call is still at work on stays open, for DuckDB would wait for it or crash.
    calls.close()
    assert calls.connection.execute("SELECT 1").fetchall() == [(1,)]
    end.set()
    assert ended.wait(60)


def test_a_connection_is_closed_after_its_last_call() -> None:
    calls = Calls(duckdb.connect())
    with pytest.raises(duckdb.Error):
        calls.run(lambda: calls.connection.execute("SELECT nothing"))
    calls.close()
    with pytest.raises(duckdb.ConnectionException):
        calls.connection.execute("SELECT 1")
