"""Results computed ahead, in order and in bounds."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading

import pytest

import commands
from photochrom.parallel import cores, map_ahead, map_side_by_side, run_aside


def test_cores_are_those_of_this_process():
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_map_ahead_keeps_the_order_and_raises_at_the_item(workers):
    assert list(map_ahead(lambda n: n * n, range(50), workers)) == [n * n for n in range(50)]
    results = map_ahead(lambda n: 6 // (3 - n), range(9), workers)
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("threads", [1, 3])
def test_map_side_by_side_keeps_the_order_and_one_thread_is_the_callers(threads):
    seen = set()
    doubled = map_side_by_side(
        lambda n: seen.add(threading.get_ident()) or 2 * n, range(9), threads
    )
    assert doubled == list(range(0, 18, 2))
    assert (threading.get_ident() in seen) == (threads == 1)


def test_map_ahead_takes_no_more_items_than_may_wait():
    taken = []
    results = map_ahead(lambda n: n, (taken.append(n) or n for n in range(100)), 2, ahead=5)
    for _ in range(3):
        next(results)
    assert len(taken) == 3 + 5
    results.close()


def test_map_ahead_computes_before_it_is_asked():
    together = threading.Barrier(3)  # breaks unless three are under way at a time
    assert len(list(map_ahead(lambda _: together.wait(60), range(6), 3))) == 6


def test_map_ahead_starts_nothing_after_it_is_closed():
    begun, before = [], set(threading.enumerate())
    results = map_ahead(lambda n: begun.append(n) or n, range(100), 1, ahead=50)
    assert next(results) == 0
    results.close()
    count = len(begun)
    assert set(threading.enumerate()) <= before
    assert list(results) == []
    assert len(begun) == count <= 51


def test_what_is_run_aside_answers_and_raises_as_itself():
    assert run_aside(threading.current_thread).name == "photochrom-aside"
    with pytest.raises(TimeoutError, match="mine"):
        run_aside(commands.raising(TimeoutError("mine")))


def test_ctrl_c_is_heard_while_work_is_run_aside_that_does_not_hear_it():
    end = threading.Event()

    def deaf() -> None:
        signal.raise_signal(signal.SIGINT)
        end.wait(60)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_aside(deaf)
        assert not end.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
        end.set()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc of glibc")
@pytest.mark.parametrize("settings", [{}, {"MALLOC_MMAP_MAX_": "65536"}], ids=["ours", "theirs"])
def test_a_heap_that_is_kept_takes_no_page_twice(settings):
    program = """
import resource
from photochrom.parallel import keep_heap

def taken(size=64 << 20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    len(b"x" * size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_heap()
print(taken(), taken(), resource.getpagesize())
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | settings
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    first, again, page = map(int, done.stdout.split())
    pages = (64 << 20) // page
    assert first > 0
    assert again == pytest.approx(first, rel=0.1) if settings else again < pages / 100
