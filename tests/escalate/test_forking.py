from __future__ import annotations

import os
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from escalate.forking import NATIVE_CODE

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def fork_and_wait(forked: Event) -> None:
    child = os.fork()
    if not child:
        with NATIVE_CODE:
            os._exit(0)
    forked.set()
    os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_waits_until_no_thread_is_inside_and_its_child_can_go_in() -> None:
    inside, leave, forked, after = Event(), Event(), Event(), Event()

    def stay() -> None:
        with NATIVE_CODE:
            inside.set()
            leave.wait(60)

    def come_later() -> None:
        with NATIVE_CODE:
            after.set()

    threads = [Thread(target=stay), Thread(target=fork_and_wait, args=(forked,)), Thread(target=come_later)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    assert not forked.wait(0.3)
    leave.set()
    assert forked.wait(60)
    threads[2].start()
    assert after.wait(60)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_threads_that_come_one_after_the_other_do_not_keep_a_fork_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("escalate.forking._LONGEST_WAIT", 1e6)
    done = Event()

    def come_and_go() -> None:
        while not done.is_set():
            with NATIVE_CODE:
                sleep(0.01)

    threads = [Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    forked = Event()
    forking = Thread(target=fork_and_wait, args=(forked,), daemon=True)
    forking.start()
    was_forked = forked.wait(30)
    done.set()
    assert was_forked
    for thread in (*threads, forking):
        thread.join(60)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_thread_that_forks_from_inside_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a signal handler may do that comes while its own thread predicts; its child forks as others do."""
    monkeypatch.setattr("escalate.forking._LONGEST_WAIT", 0.5)
    with NATIVE_CODE:
        child = os.fork()
    if not child:
        start = monotonic()
        again = os.fork()
        os._exit(0 if not again or monotonic() - start < 0.5 else 1)
    assert os.waitpid(child, 0)[1] == 0
    with NATIVE_CODE:
        pass


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_thread_that_never_went_out_holds_up_one_fork_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does of which a signal handler's exception ended the way out."""
    monkeypatch.setattr("escalate.forking._LONGEST_WAIT", 0.5)
    lost = Thread(target=NATIVE_CODE.__enter__)
    lost.start()
    lost.join()
    fork_and_wait(Event())
    monkeypatch.setattr("escalate.forking._LONGEST_WAIT", 1e6)
    forking = Thread(target=fork_and_wait, args=(Event(),), daemon=True)
    forking.start()
    forking.join(30)
    assert not forking.is_alive()
