"""Forked children."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.scripts import run

pytestmark = pytest.mark.heavy


def test_a_forked_child_neither_hangs_nor_harms_its_parent(folder: Path) -> None:
    output, _ = run(
        """
        f = flow()
        expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
        next(f), next(expected)
        child = os.fork()
        if child == 0:
            x, y = next(f)
            same = np.array_equal(x, next(expected)[0])
            os._exit(0 if same else 3)
        _, status = os.waitpid(child, 0)
        print("child", os.waitstatus_to_exitcode(status))
        print("parent", all(np.array_equal(next(f)[0], next(expected)[0]) for _ in range(12)))
        """,
        folder,
    )
    assert "child 0" in output and "parent True" in output


def test_children_forked_while_threads_read_end_in_time(world: Path) -> None:
    """Every kind of flow is read by a thread, or two, at the moment of the fork."""
    output, errors = run(
        """
        from pathlib import Path
        from tests.faults.batches import difference
        from tests.faults.kinds import KINDS, UNCACHED
        root = Path(sys.argv[1])
        for kind, make in KINDS.items():
            expected = KINDS[UNCACHED.get(kind, kind)](root, 0, 3)[1]
            flow, stop = make(root, 2, 3), threading.Event()
            def read():
                while not stop.is_set():
                    flow[1]
            threads = [threading.Thread(target=read) for _ in range(2)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            for number in range(4):
                child = os.fork()
                if child == 0:
                    words = difference(flow[1], expected)
                    if words:
                        os.write(2, f"{kind}: {words}".encode())
                        os._exit(3)
                    sys.exit(0) if number % 2 else os._exit(0)
                end = time.monotonic() + 20
                while not (ended := os.waitpid(child, os.WNOHANG))[0]:
                    if time.monotonic() > end:
                        os.kill(child, signal.SIGKILL)
                    time.sleep(0.01)
                if ended[1]:
                    print("failed", kind, ended[1])
            stop.set()
            for thread in threads:
                thread.join()
            getattr(flow, "close", lambda: None)()
        print("all kinds")
        """,
        world,
        seconds=110.0,
    )
    assert "all kinds" in output and "failed" not in output
    assert "can only join a child" not in errors and "ignored" not in errors


def test_children_forked_while_workers_start_and_end_are_silent(folder: Path) -> None:
    """multiprocessing's exit hook waits for all children that it knows: here, its parent's."""
    output, errors = run(
        """
        from augflow.runtime.pool import shared_pool
        over = threading.Event()
        def start_and_end():
            while not over.is_set():
                f = flow()
                next(f)
                f.close()
                shared_pool()._end()
        thread = threading.Thread(target=start_and_end)
        thread.start()
        for _ in range(25):
            time.sleep(0.02)
            child = os.fork()
            if child == 0:
                sys.exit()
            os.waitpid(child, 0)
        over.set()
        thread.join()
        print("over")
        """,
        folder,
        seconds=90.0,
    )
    assert "over" in output and not errors


def test_a_childs_generator_is_that_of_the_user(folder: Path) -> None:
    """Also where the parent forks while it has exchanged NumPy's global state for a batch's."""
    output, _ = run(
        """
        def forking(image):
            child = os.fork()
            if child == 0:
                os._exit(0 if np.random.uniform() == expected else 3)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return image
        codes = []
        np.random.seed(4)
        expected = np.random.RandomState(4).uniform()
        next(flow(ImageDataGenerator(preprocessing_function=forking, workers=0)))
        print(set(codes))
        """,
        folder,
    )
    assert output.splitlines()[-1] == "{0}"


def test_numpys_lock_is_free_in_a_child(folder: Path) -> None:
    output, _ = run(
        """
        flow(ImageDataGenerator(workers=0))
        def draw():
            while True:
                np.random.standard_normal(300_000)
        threading.Thread(target=draw, daemon=True).start()
        codes = []
        for _ in range(40):
            child = os.fork()
            if child == 0:
                signal.alarm(5)
                np.random.uniform()
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(set(codes))
        """,
        folder,
    )
    assert output.splitlines()[-1] == "{0}"


def test_opencv_uses_no_threads_in_a_child(folder: Path) -> None:
    """Those of its pool are not there, and it may wait for them."""
    output, _ = run(
        """
        import cv2
        next(flow(ImageDataGenerator(rotation_range=20, workers=0)))
        cv2.setNumThreads(2)
        child = os.fork()
        if child == 0:
            os._exit(cv2.getNumThreads())
        print("threads", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), cv2.getNumThreads())
        """,
        folder,
    )
    assert output.splitlines()[-1] in ("threads 0 2", "threads 1 2")
