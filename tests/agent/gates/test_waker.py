"""The waker: it ends a wait from another thread, and harms nobody when closed."""

from __future__ import annotations

import select
import threading

from agent.gates.waker import Waker


def test_it_ends_a_wait_of_another_thread():
    """A poller that watches it returns when another thread calls."""
    waker, poller = Waker(), select.poll()
    waker.open()
    waker.watch(poller)
    thread = threading.Thread(target=waker.wake)
    thread.start()
    assert poller.poll(30_000)
    thread.join()
    assert waker.clear()
    assert not waker.clear()
    waker.close()


def test_ten_thousand_calls_are_one():
    """Nobody listens for long: the callers are not held up."""
    waker = Waker()
    waker.open()
    waker.open()
    for _ in range(100_000):
        waker.wake()
    while waker.clear():
        pass
    waker.close()


def test_a_closed_one_does_nothing():
    """Before opening and after closing a call is no error."""
    waker = Waker()
    waker.wake()
    assert not waker.clear()
    waker.open()
    waker.close()
    waker.close()
    waker.wake()
    waker.watch(select.poll())
