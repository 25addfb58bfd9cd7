"""The fault table: what goes wrong in a run, how long it may take, and what may stay behind.

Each row runs a script in a process of its own, so that what it leaves behind can be counted from
outside: no worker process, no shared memory, no temporary file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import cv2
import psutil
import pytest
from skimage import data

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

START = """
import os, signal, sys, threading, time, warnings
import numpy as np
from augflow import ImageDataGenerator
from augflow.pool import shared_pool

def flow(generator=None, **settings):
    generator = generator or ImageDataGenerator(rotation_range=20, workers=2)
    return generator.flow_from_directory(
        sys.argv[1], target_size=(96, 96), batch_size=8, seed=1, **settings
    )

def worker_pids():
    executor = shared_pool()._executor
    return [] if executor is None else list(executor._processes)

def gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.05)
    return False

def own_segments():
    return sum("memfd:augflow" in os.readlink(f"/proc/self/fd/{fd}")
               for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty real crops in two class folders."""
    root = tmp_path_factory.mktemp("faults")
    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    for number in range(60):
        home = root / ("even" if number % 2 == 0 else "odd")
        home.mkdir(exist_ok=True)
        top, left = 5 * number, 6 * number % 300
        cv2.imwrite(str(home / f"{number:03d}.jpg"), photo[top : top + 120, left : left + 110])
    return root


def start(
    script: str,
    folder: Path,
    prefix: tuple[str, ...] = (),
    own_group: bool = False,
    **environment: str,
):
    """Start a script after ``START``; its arguments are the folder."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", START + textwrap.dedent(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=own_group,
        # A test run in the background of a shell would pass on that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen, seconds: float) -> tuple[int, str, str]:
    """Wait for a script; then no process that it started may be left."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    output, errors = process.communicate(timeout=seconds)
    assert_gone(children)
    return process.returncode, output, errors


def assert_gone(processes: list[psutil.Process], seconds: float = 5.0) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive, f"left behind: {[process.cmdline() for process in alive]}"


def run(script: str, folder: Path, seconds: float = 30.0, prefix: tuple[str, ...] = (), **env: str):
    """Run a script that has to end well; give what it printed and its errors."""
    code, output, errors = finish(start(script, folder, prefix, **env), seconds)
    assert code == 0, errors
    return output, errors


def await_line(process: subprocess.Popen, line: str) -> str:
    assert process.stdout is not None
    for text in process.stdout:
        if line in text:
            return text
    raise AssertionError(f"{line!r} never came: {process.stderr.read() if process.stderr else ''}")


def test_killed_workers_cost_nothing_but_time(folder: Path) -> None:
    output, _ = run(
        """
        expected = [x for x, y in (next(f) for f in [flow(ImageDataGenerator(
            rotation_range=20, workers=0))] for _ in range(24))]
        def kill_one():
            # The workers of a pool that is just being replaced may be gone already.
            for pid in worker_pids():
                try:
                    return os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        f = flow()
        got = []
        for number in range(24):
            if number in (3, 4, 11):
                kill_one()
            got.append(next(f)[0])
        print("same", all(np.array_equal(a, b) for a, b in zip(expected, got)), len(got))
        """,
        folder,
    )
    assert "same True 24" in output


def test_a_function_that_kills_its_worker_is_reported(folder: Path) -> None:
    output, _ = run(
        """
        from augflow import WorkerDiedError
        parent = os.getpid()
        def deadly(image):
            if os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
            return image
        f = flow(ImageDataGenerator(preprocessing_function=deadly, workers=2))
        try:
            next(f)
        except WorkerDiedError as error:
            print("reported:", error)
        """,
        folder,
    )
    assert "reported: worker processes died" in output
    assert ".jpg" in output and "workers=0" in output


def test_a_raising_function_keeps_type_traceback_and_file(folder: Path) -> None:
    output, _ = run(
        """
        import traceback
        class Odd(Exception):
            def __init__(self, first, second):
                super().__init__(f"{first} and {second}")
                self.second = second
        def raising(image):
            raise Odd("one", 2)
        f = flow(ImageDataGenerator(preprocessing_function=raising, workers=2))
        for _ in range(2):
            try:
                next(f)
            except Odd as error:
                print("caught", error.second, "".join(traceback.format_exception(error)))
        """,
        folder,
    )
    assert output.count("caught 2") == 2
    assert "in raising" in output and ".jpg" in output and "one and 2" in output


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unpicklable_function_runs_here_with_one_warning(folder: Path, workers: int) -> None:
    output, _ = run(
        f"""
        lock = threading.Lock()
        def guarded(image):
            with lock:
                return image / 2
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            f = flow(ImageDataGenerator(preprocessing_function=guarded, workers={workers}))
            batches = [next(f)[0] for _ in range(5)]
        print(len(seen), [str(w.message) for w in seen], len(batches), worker_pids())
        """,
        folder,
    )
    if workers:
        assert output.splitlines()[-1].startswith('1 ["augflow: the preprocessing_function')
        assert "guarded" in output
    else:
        assert output.splitlines()[-1].startswith("0 []")
    assert output.rstrip().endswith("5 []")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fault", ["truncated", "garbage", "vanished"])
def test_a_broken_file_is_named(folder: Path, tmp_path: Path, workers: int, fault: str) -> None:
    copy = tmp_path / "images"
    shutil.copytree(folder, copy)
    broken = copy / "odd" / "031.jpg"
    if fault == "truncated":
        broken.write_bytes(broken.read_bytes()[:900])
    elif fault == "garbage":
        broken.write_bytes(b"no image at all")
    output, _ = run(
        f"""
        f = flow(ImageDataGenerator(workers={workers}), shuffle=False)
        if {fault == "vanished"}:
            os.remove({str(broken)!r})
        good = bad = 0
        for _ in range(8):
            try:
                next(f)
                good += 1
            except OSError as error:
                bad += 1
                print(type(error).__name__, error, getattr(error, "__notes__", ""))
        print(good, bad)
        """,
        copy,
    )
    assert output.rstrip().endswith("7 1")
    assert str(broken) in output
    assert ("FileNotFoundError" if fault == "vanished" else "ImageReadError") in output


def test_a_changed_shape_is_refused(folder: Path) -> None:
    output, _ = run(
        """
        f = flow(ImageDataGenerator(preprocessing_function=lambda image: image[:5], workers=2))
        try:
            next(f)
        except ValueError as error:
            print(error, error.__notes__)
        """,
        folder,
    )
    assert "(5, 96, 3)" in output and "(96, 96, 3)" in output and ".jpg" in output


def interrupt(process: subprocess.Popen) -> None:
    """Press Ctrl-C once a script says "started": it ends at once, with one traceback."""
    await_line(process, "started")
    children = psutil.Process(process.pid).children(recursive=True)
    # As a terminal does: the whole process group hears it.
    os.killpg(process.pid, signal.SIGINT)
    # Not the time until the system has also cleared the workers away.
    process.wait(timeout=3.0)
    code, _, errors = finish(process, 5.0)
    assert_gone(children)
    assert code in (1, -signal.SIGINT)
    # loky's tracker may have a word on semaphores after it.
    assert errors.count("Traceback") == 1 and "\nKeyboardInterrupt\n" in errors, errors


@pytest.mark.parametrize("moment", ["waiting", "idle"])
def test_ctrl_c_ends_at_once(folder: Path, moment: str) -> None:
    process = start(
        """
        def slow(image):
            time.sleep(0.3 if "MOMENT" == "waiting" else 0)
            return image
        f = flow(ImageDataGenerator(preprocessing_function=slow, workers=2))
        next(f)
        print("started", flush=True)
        while True:
            next(f) if "MOMENT" == "waiting" else time.sleep(1)
        """.replace("MOMENT", moment),
        folder,
        own_group=True,
    )
    interrupt(process)


def test_ctrl_c_while_workers_start(folder: Path, tmp_path: Path) -> None:
    # Python imports this module by itself, here to make the start of a worker long.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif 'loky.backend.popen_loky_posix' in sys.orig_argv: time.sleep(20)\n"
    )
    process = start(
        """
        def watch():
            while len(worker_pids()) < 2:
                time.sleep(0.01)
            # Long enough that Python itself is up in them.
            time.sleep(1)
            print("started", flush=True)
        f = flow()
        threading.Thread(target=watch).start()
        while True:
            next(f)
        """,
        folder,
        own_group=True,
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )
    interrupt(process)


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


def can_unshare() -> bool:
    """Whether this system lets the tests mount a /dev/shm of their own."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return subprocess.run(probe, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_unshare(), reason="mounting is not permitted here")


@needs_mounts
@pytest.mark.parametrize("shm", ["size=64k", "none"])
def test_a_tiny_or_missing_dev_shm_is_enough(folder: Path, shm: str) -> None:
    mount = (
        "mount -t tmpfs -o size=64k tmpfs /dev/shm"
        if shm != "none"
        else "umount -l /dev/shm && mount -t tmpfs -o size=0,ro,nr_inodes=1 tmpfs /dev/shm"
    )
    output, errors = run(
        """
        expected = next(flow(ImageDataGenerator(rotation_range=20, workers=0)))[0]
        f = flow()
        kept = [next(f)[0] for _ in range(20)]
        print("same", np.array_equal(expected, kept[0]), len(worker_pids()))
        """,
        folder,
        prefix=("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"),
    )
    assert "same True" in output
    if shm == "none":
        # Semaphores live in /dev/shm: without it there are no workers, and one warning.
        assert errors.count("UserWarning: augflow: worker processes cannot be started") == 1
    else:
        assert output.rstrip().endswith("2")


WITHOUT_MEMFD = """
import augflow.shared_memory
augflow.shared_memory.supports_anonymous = lambda: False
"""


def test_temporary_files_serve_where_there_is_no_memfd(folder: Path, tmp_path: Path) -> None:
    output, _ = run(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
            f = flow()
            kept = [next(f)[0] for _ in range(20)]
            print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
            print("workers", len(worker_pids()), "segments", own_segments())
            """
        ),
        folder,
        TMPDIR=str(tmp_path),
    )
    assert "same True" in output and "workers 2 segments 0" in output
    assert not list(tmp_path.glob("augflow-*"))


def test_temporary_files_are_removed_after_a_killed_parent(folder: Path, tmp_path: Path) -> None:
    process = start(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            f = flow()
            next(f)
            print("started", flush=True)
            while True:
                next(f)
            """
        ),
        folder,
        TMPDIR=str(tmp_path),
    )
    await_line(process, "started")
    children = psutil.Process(process.pid).children(recursive=True)
    assert list(tmp_path.glob("augflow-*"))
    process.kill()
    process.communicate(timeout=5)
    assert_gone(children, seconds=8.0)
    assert not list(tmp_path.glob("augflow-*"))


@needs_mounts
def test_a_full_disk_is_an_error_here_and_no_sigbus(folder: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    output, _ = run(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
            f = flow()
            kept = [next(f)[0] for _ in range(20)]
            print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
            """
        ),
        folder,
        prefix=(
            "unshare",
            "-m",
            "sh",
            "-c",
            f'mount -t tmpfs -o size=2m tmpfs {disk} && exec "$@"',
            "sh",
        ),
        TMPDIR=str(disk),
    )
    assert "same True" in output


def test_without_descriptors_batches_still_come(folder: Path) -> None:
    output, _ = run(
        """
        import resource
        expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
        f = flow()
        next(f), next(expected)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 6, used + 6))
        kept = [next(f)[0] for _ in range(20)]
        print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
        """,
        folder,
    )
    assert "same True" in output


def test_held_batches_are_never_overwritten(folder: Path) -> None:
    output, _ = run(
        """
        f = flow()
        kept, copies = [], []
        for _ in range(150):
            x, y = next(f)
            view = x[2:4].reshape(2, -1)[:, ::2]
            kept.append(view)
            copies.append(view.copy())
        print("same", all(np.array_equal(a, b) for a, b in zip(kept, copies)), own_segments() < 160)
        """,
        folder,
    )
    assert "same True True" in output


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


def test_no_main_guard_and_script_functions(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            print("main runs")
            import numpy as np
            from augflow import ImageDataGenerator
            scale = 3.0
            def scaled(image):
                return image * scale + offset()
            def offset():
                return 1.0
            flow = ImageDataGenerator(preprocessing_function=scaled, workers=2)
            flow = flow.flow_from_directory(sys.argv[1], target_size=(32, 32), shuffle=False)
            plain = ImageDataGenerator(workers=0).flow_from_directory(
                sys.argv[1], target_size=(32, 32), shuffle=False)
            print(np.array_equal(next(flow)[0], next(plain)[0] * 3 + 1))
            """
        )
    )
    result = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=30
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("main runs") == 1 and result.stdout.rstrip().endswith("True")


def test_workers_know_no_framework_and_one_thread(folder: Path) -> None:
    output, _ = run(
        """
        import sys
        def spy(image):
            import sys, cv2
            known = {"tensorflow", "keras", "torch", "jax", "pandas", "scipy", "loky.cloudpickle"}
            image[...] = len(known & set(sys.modules)) * 100 + cv2.getNumThreads()
            return image
        import keras, pandas
        x, y = next(flow(ImageDataGenerator(preprocessing_function=spy, workers=2)))
        print("seen", np.unique(x).tolist())
        """,
        folder,
        seconds=60.0,
    )
    assert output.splitlines()[-1] == "seen [1.0]"


def test_the_pool_is_shared_and_outlives_a_pause(folder: Path) -> None:
    output, _ = run(
        """
        train, test = flow(), flow(ImageDataGenerator(workers=2), shuffle=False)
        next(train), next(test)
        first = sorted(worker_pids())
        train.close()
        train = flow()
        for _ in range(20):
            next(train), next(test)
        print(len(first), sorted(worker_pids()) == first)
        """,
        folder,
    )
    assert output.splitlines()[-1] == "2 True"


def test_two_plans_of_different_users_do_not_mix(folder: Path) -> None:
    output, _ = run(
        """
        flows = [flow(ImageDataGenerator(preprocessing_function=lambda x, k=k: x * 0 + k,
                 workers=2)) for k in range(6)]
        ok = all(np.all(next(f)[0] == k) for _ in range(6) for k, f in enumerate(flows))
        print("apart", ok)
        """,
        folder,
    )
    assert "apart True" in output
