"""Two processes train one model with torch's DistributedDataParallel, each on its part of a batch.

    python examples/two_processes.py

Each process makes the same flow, with ``shard="auto"``, and gets half of each batch. The script
shows that each sample came once an epoch over both, that both had equally many batches, and that
the weights are those of one process with the whole batches.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from augflow import ImageDataGenerator
from sample_data import write_digits

try:
    import torch
    from torch import distributed
except ImportError:
    sys.exit("skipped: torch is not installed (pip install torch)")

BATCH = 64


def train(folder: Path, epochs: int) -> None:
    """Train in this process, alone or as one of several, and save what is to be compared."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    torch.manual_seed(0)
    model: Any = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    weights = model[1]
    if processes > 1:
        distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
    generator = ImageDataGenerator(rotation_range=10, rescale=1 / 255, workers=1)
    flow = generator.flow_from_directory(
        folder / "digits",
        target_size=(8, 8),
        color_mode="grayscale",
        class_mode="sparse",
        batch_size=BATCH // processes,
        seed=1,
        shard="auto",
        drop_remainder=True,
        verbose=False,
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    seen = []
    for _ in range(epochs):
        for images, labels in flow.to_torch():
            loss = torch.nn.functional.cross_entropy(model(images), labels.long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(images.sum(dim=(1, 2, 3)).numpy())
    index, count = flow.shard
    np.savez(
        folder / f"{index}_of_{count}.npz",
        weights=weights.weight.detach().numpy(),
        batches=len(flow),
        # What tells samples apart, of the first epoch.
        seen=np.concatenate(seen[: len(flow)]),
    )
    flow.close()
    if processes > 1:
        distributed.destroy_process_group()


def run(folder: Path, processes: int, epochs: int) -> list[Any]:
    """Train in so many processes; what each has saved."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What torchrun sets.
    shared = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "--train", str(folder), "--epochs", str(epochs)],
            env=shared | {"RANK": str(rank), "WORLD_SIZE": str(processes)},
        )
        for rank in range(processes)
    ]
    if any([process.wait() for process in started]):
        sys.exit("a process failed")
    return [np.load(folder / f"{rank}_of_{processes}.npz") for rank in range(processes)]


def main() -> None:
    """Train in two processes and in one, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.epochs)
        return
    folder = Path(tempfile.mkdtemp(prefix="augflow-"))
    write_digits(folder / "digits")
    first, second = run(folder, 2, options.epochs)
    (alone,) = run(folder, 1, options.epochs)
    print(f"batches an epoch: {first['batches']} and {second['batches']}")
    both = np.sort(np.concatenate([first["seen"], second["seen"]]))
    same = np.array_equal(both, np.sort(alone["seen"]))
    print("samples of an epoch:", "those of one process, each once" if same else "NOT the same")
    difference = np.abs(first["weights"] - alone["weights"]).max()
    print(f"largest difference of a weight from one process: {difference:.1e}")


if __name__ == "__main__":
    main()
