"""What a process asks of the system's memory."""

import gc

from awscons.adapters.server.worker_memory import freeze_gc, limit_malloc_arenas


def test_what_the_operator_has_decided_about_heaps_stands() -> None:
    assert not limit_malloc_arenas({"MALLOC_ARENA_MAX": "8"})


def test_what_is_there_before_a_fork_is_left_alone_by_the_collector() -> None:
    gc.collect()  # garbage of earlier tests is no part of what stays
    before = len(gc.get_objects())
    freeze_gc()
    try:
        assert gc.get_freeze_count() > before / 2
        assert len(gc.get_objects()) < before / 10
    finally:
        gc.unfreeze()
