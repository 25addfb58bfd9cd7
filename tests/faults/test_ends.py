"""How flows, programs and workers end, and what may stay behind."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.scripts import assert_gone, await_line, run, start

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("how", ["close", "with", "drop", "break", "error", "raises"])
def test_a_flow_that_ends_leaves_no_process_and_no_memory(folder: Path, how: str) -> None:
    output, _ = run(
        """
        def use():
            f = flow()
            pids = []
            if "HOW" == "with":
                with f:
                    next(f)
                    pids = worker_pids()
            elif "HOW" == "break":
                for x, y in f:
                    pids = worker_pids()
                    break
            elif "HOW" == "raises":
                def raising(image):
                    raise KeyError
                f = flow(ImageDataGenerator(preprocessing_function=raising, workers=2))
                try:
                    next(f)
                except KeyError:
                    pids = worker_pids()
            elif "HOW" == "error":
                try:
                    next(f)
                    pids = worker_pids()
                    raise KeyError
                except KeyError:
                    pass
            else:
                next(f)
                pids = worker_pids()
                if "HOW" == "close":
                    f.close()
            return pids
        pids = use()
        print(len(pids), gone(pids), own_segments())
        """.replace("HOW", how),
        folder,
    )
    assert output.splitlines()[-1] == "2 True 0"


def test_a_flow_that_was_refused_by_dead_workers_can_be_dropped(folder: Path) -> None:
    """loky raises one exception for all who come: its traceback kept the flows that it met."""
    output, _ = run(
        """
        import weakref
        f = flow()
        next(f)
        pids = worker_pids()
        os.kill(pids[0], signal.SIGKILL)
        while not shared_pool()._processes.has_died:
            time.sleep(0.01)
        f[6]
        pids += worker_pids()
        dropped = weakref.ref(f)
        del f
        print(dropped() is None, gone(pids), own_segments())
        """,
        folder,
    )
    assert output.splitlines()[-1] == "True True 0"


def test_workers_let_go_of_a_closed_flows_memory(folder: Path) -> None:
    output, _ = run(
        """
        def inodes(pid):
            with open(f"/proc/{pid}/maps") as maps:
                return {line.split()[4] for line in maps if "memfd:augflow" in line}

        other = flow()
        next(other)
        others = inodes("self")
        first = flow()
        for _ in range(6):
            next(first)
        own = inodes("self") - others
        def mapped(wanted):
            return sum(len(inodes(pid) & wanted) for pid in worker_pids())
        before = mapped(own)
        first.close()
        end = time.monotonic() + 5
        while mapped(own) and time.monotonic() < end:
            time.sleep(0.1)
        print(before > 0, mapped(own), mapped(others) > 0, len(worker_pids()))
        """,
        folder,
    )
    assert output.splitlines()[-1] == "True 0 True 2"


@pytest.mark.parametrize("working", [False, True])
def test_a_forgotten_close_does_not_keep_the_interpreter(folder: Path, working: bool) -> None:
    begin = time.monotonic()
    output, errors = run(
        f"""
        def slow(image):
            time.sleep({0.5 if working else 0.0})
            return image
        f = flow(ImageDataGenerator(preprocessing_function=slow, workers=2))
        if {working}:
            threading.Thread(target=next, args=(f,), daemon=True).start()
            time.sleep(1.5)
        else:
            next(f)
        print("end", flush=True)
        """,
        folder,
    )
    # A batch takes 4 s when working, and several are read ahead: none of them is waited for.
    assert time.monotonic() - begin < 10.0
    assert "end" in output
    assert "Traceback" not in errors or working


def test_a_read_that_tensorflow_left_off_does_not_hang_the_interpreter(folder: Path) -> None:
    # TensorFlow reads ahead in a thread of its own, and waits for it when it is taken down.
    output, _ = run(
        """
        import tensorflow as tf
        generator = ImageDataGenerator(rotation_range=20, workers=2)
        f = generator.flow_from_directory(sys.argv[1], target_size=(224, 224), batch_size=8)
        batches = tf.data.Dataset.from_generator(
            lambda: (f[number] for number in range(len(f))),
            output_signature=(tf.TensorSpec((None, 224, 224, 3)), tf.TensorSpec((None, 2))),
        )
        next(iter(batches.prefetch(tf.data.AUTOTUNE)))
        print("end", flush=True)
        """,
        folder,
        seconds=60.0,
    )
    assert "end" in output


def test_a_killed_parent_takes_its_workers_along(folder: Path) -> None:
    process = start(
        """
        f = flow()
        next(f)
        print("pids", *worker_pids(), flush=True)
        while True:
            next(f)
        """,
        folder,
    )
    pids = [int(pid) for pid in await_line(process, "pids").split()[1:]]
    assert len(pids) == 2
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=5)
    assert_gone(children, seconds=5.0)


def test_a_parent_killed_while_its_workers_cannot_look(folder: Path) -> None:
    """One is in C code that keeps the interpreter to itself, one is stopped."""
    process = start(
        """
        import re
        def catastrophic(image):
            re.match("(a+)+$", "a" * 64 + "b")
            return image
        f = flow(ImageDataGenerator(preprocessing_function=catastrophic, workers=2))
        threading.Thread(target=next, args=(f,), daemon=True).start()
        while len(worker_pids()) < 2:
            time.sleep(0.05)
        time.sleep(2)
        os.kill(worker_pids()[1], signal.SIGSTOP)
        print("busy", flush=True)
        time.sleep(60)
        """,
        folder,
    )
    await_line(process, "busy")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    _, errors = process.communicate(timeout=5)
    assert_gone(children, seconds=5.0)
    assert "semlock" not in errors


def test_an_end_does_not_wait_for_a_pool_that_was_outgrown(folder: Path) -> None:
    begin = time.monotonic()
    output, _ = run(
        """
        def hangs(image):
            time.sleep(1000)
        import augflow.runtime.waiting
        augflow.runtime.waiting._HANGING_SECONDS = 1.0
        first = flow(ImageDataGenerator(preprocessing_function=hangs, workers=1))
        threading.Thread(target=next, args=(first,), daemon=True).start()
        while not worker_pids():
            time.sleep(0.05)
        time.sleep(1)
        second = flow(ImageDataGenerator(rotation_range=20, workers=3))
        # The first flow waits on, and its samples take all three workers.
        for _ in range(4):
            next(second)
        print("end", len(worker_pids()) >= 2, flush=True)
        """,
        folder,
    )
    assert "end True" in output
    assert time.monotonic() - begin < 12


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("thread", ["Thread", "ThreadPoolExecutor", "late"])
def test_a_thread_that_outlives_the_main_thread_reads_on(
    folder: Path, workers: int, thread: str
) -> None:
    output, errors = run(
        f"""
        from concurrent.futures import ThreadPoolExecutor
        def train():
            if {thread == "late"}:
                # Nothing of augflow's runtime has been imported by then.
                threading.main_thread().join()
            f = flow(ImageDataGenerator(rotation_range=20, workers={workers}))
            expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
            for _ in range(30):
                assert np.array_equal(next(f)[0], next(expected)[0])
                time.sleep(0.02)
            from augflow.runtime.pool import shared_pool
            print("trained with", len(shared_pool().pids()), flush=True)
        if {thread == "ThreadPoolExecutor"}:
            ThreadPoolExecutor(2).submit(train)
        else:
            threading.Thread(target=train).start()
        print("main ends", flush=True)
        """,
        folder,
    )
    assert output.rstrip().endswith(f"trained with {workers}")
    assert "Traceback" not in errors


def test_daemon_threads_that_read_at_the_end_say_nothing(folder: Path) -> None:
    _, errors = run(
        """
        def read(f):
            while True:
                next(f)
        for workers in (0, 2):
            f = flow(ImageDataGenerator(rotation_range=20, workers=workers))
            threading.Thread(target=read, args=(f,), daemon=True).start()
        time.sleep(1.5)
        """,
        folder,
    )
    assert errors == ""


def test_ctrl_c_at_the_end_says_nothing(folder: Path) -> None:
    said = []
    for pause in (0.0, 0.05, 0.1, 0.15):
        process = start(
            """
            import atexit
            # Threads other than the main one make the end of a program take a moment.
            f = flow()
            thread = threading.Thread(target=next, args=(f,))
            thread.start()
            thread.join()
            next(f)
            print("ends", flush=True)
            """,
            folder,
        )
        await_line(process, "ends")
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert "augflow" not in errors and "loky" not in errors
        said += [errors] if "ignored" in errors else []
    # Between a script's last line and the hooks of its end Python's own code can be interrupted for
    # a moment; what takes longer there would be seen at more than one of the pauses.
    assert len(said) <= 1, said


def test_batches_of_all_kinds_that_are_held_to_the_end(world: Path) -> None:
    begin = time.monotonic()
    output, errors = run(
        """
        from pathlib import Path
        from tests.faults.kinds import KINDS
        flows = [make(Path(sys.argv[1]), 2, 3) for make in KINDS.values()]
        held = [next(f) for f in flows for _ in range(3)]
        print("held", len(held))
        """,
        world,
        seconds=90.0,
    )
    assert "held" in output and "Error" not in errors and "ignored" not in errors
    assert time.monotonic() - begin < 80


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_program_says_nothing_of_semaphores(folder: Path, signal_number: int) -> None:
    process = start("f = flow()\nnext(f), next(f)\nprint('up', flush=True)\ntime.sleep(60)", folder)
    await_line(process, "up")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=5)
    assert_gone(children)
    assert errors == ""
