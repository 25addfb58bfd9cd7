"""Files in buckets and on web servers, by fsspec, which is imported when an address is met."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from augflow.errors import ImageReadError
from augflow.store.folder_tree import FolderTree
from augflow.store.stored_file import StoredFile
from augflow.store.stored_folder import StoredFolder

# An answer that takes longer is asked for again.
_ANSWER_SECONDS = 30.0
# Between one try and the next; one more try than there are pauses.
_PAUSES = (0.1, 0.4, 1.6)
# What another try would not change.
_VERDICTS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError)
# Among the answers 400 to 499, those that are of the moment: a timeout, too many requests.
_PASSING = (408, 429)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SHORTEST_SECRET = 4
_PROCESSES_A_WORKER = 3


def is_address(path: Any) -> bool:
    """Whether it begins like s3://, gs:// or https://."""
    return isinstance(path, str) and "://" in path and _ADDRESS.match(path) is not None


def plain_address(address: str) -> str:
    """An address without what may be secret in it: a user's name and password, and a query."""
    plain = address if "?" not in address else address[: address.index("?")]
    return re.sub(r"://[^/@]*@", "://", plain)


@dataclass(frozen=True, repr=False)
class RemoteFile(StoredFile):
    """A file at an address.

    Attributes:
        address: as it is asked for.
        options: of fsspec, e.g. credentials; in no message, and in no file.
        size, version: as they were when the folder was listed; 0 where it was not.
    """

    address: str
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)
    size: int = 0
    version: int = 0

    def __fspath__(self) -> str:
        return plain_address(self.address)

    def read(self) -> bytes:
        """See ``StoredFile``; what has been begun by ``reading_ahead`` is waited for.

        Raises:
            ImageReadError: it cannot be read, after several tries.
        """
        begun = _begun.get(self.address)
        outcome = _read_now(self) if begun is None else begun.result()
        if isinstance(outcome, bytes):
            return outcome
        raise ImageReadError(str(self), outcome)

    def key(self) -> bytes:
        """See ``StoredFile``."""
        return os.fsencode(str(self))

    def state(self) -> tuple[int, int]:
        """See ``StoredFile``; asks nobody, so that a cache that is full needs no connection."""
        return self.size, self.version


class RemoteFolder(StoredFolder):
    """A folder at an address, listed as a whole.

    Args:
        address: "s3://bucket/train".
        options: of fsspec.
    """

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        super().__init__(plain_address(address).rstrip("/"))
        self._whole = address.rstrip("/")
        self._options = options
        self._states: dict[str, tuple[int, int]] = {}

    def _listed(self) -> FolderTree:
        system, path = _opened(self._whole, self._options)
        # Names come back as the file system writes them, e.g. with another slash in front.
        start = f"{system._strip_protocol(path).rstrip('/')}/"
        found = _tried(partial(system.find, path, detail=True), self._options)
        if isinstance(found, str):
            raise OSError(f"cannot list {self.address!r}: {found}")
        for name, entry in found.items():
            inner = name[len(start) :] if name.startswith(start) else name.lstrip("/")
            if inner and not inner.endswith("/") and entry.get("type") != "directory":
                self._states[inner] = (int(entry.get("size") or 0), _version_of(entry))
        if not self._states:
            raise FileNotFoundError(f"no files were found below {self.address!r}")
        return FolderTree(self._states)

    def __contains__(self, name: str) -> bool:
        # A web server need not list what it has; what is missing is told when it is read.
        return self.address.startswith("http") or super().__contains__(name)

    def file(self, name: str) -> StoredFile:
        """See ``StoredFolder``."""
        return RemoteFile(f"{self._whole}/{name}", self._options, *self._states.get(name, (0, 0)))


@contextmanager
def reading_ahead(files: Iterable[Any]) -> Iterator[None]:
    """Read remote files all at once, in the background, and keep them while this is open.

    Args:
        files: of a task; those of this machine are left alone.
    """
    mine = []
    for file in files:
        if isinstance(file, RemoteFile) and file.address not in _begun:
            system, path = _opened(file.address, file.options)
            if system.async_impl:
                waiting = _tried_waiting(partial(system._cat_file, path), file.options)
                _begun[file.address] = _begin(waiting, system)
                mine.append(file.address)
    try:
        yield
    finally:
        for address in mine:
            _begun.pop(address).cancel()


# Of the task that this process is at: the content of files, or why they cannot be read.
_begun: dict[str, Future[bytes | str]] = {}


def _opened(address: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system of an address, which fsspec keeps, and the path in it.

    Raises:
        ImportError: fsspec or what it needs for this address is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(address, **options)
    except ImportError as error:
        raise ImportError(
            f"{plain_address(address)!r} needs a package that is not installed ({error}): "
            'pip install "keras-augflow[store]" for s3:// and https://, and the package that '
            "fsspec names for others, e.g. gcsfs for gs://"
        ) from None


def _read_now(file: RemoteFile) -> Any:
    system, path = _opened(file.address, file.options)
    if system.async_impl:
        waiting = _tried_waiting(partial(system._cat_file, path), file.options)
        return _begin(waiting, system).result()
    return _tried(partial(system.cat_file, path), file.options)


def _begin(waiting: Coroutine[Any, Any, Any], system: Any) -> Future[Any]:
    # Only here: flows of local files need none of it.
    import asyncio

    return asyncio.run_coroutine_threadsafe(waiting, system.loop)


def _tried(ask: Callable[[], Any], options: Mapping[str, Any]) -> Any:
    """What asking gives, or after several tries in words why it gives nothing."""
    for pause in (*_PAUSES, None):
        try:
            return ask()
        except Exception as error:
            if pause is None or _is_verdict(error):
                return _in_words(error, options)
            time.sleep(pause)
    raise AssertionError("the last try returns")


async def _tried_waiting(ask: Callable[[], Awaitable[Any]], options: Mapping[str, Any]) -> Any:
    """What ``_tried`` does, in the thread of fsspec's loop."""
    import asyncio

    for pause in (*_PAUSES, None):
        try:
            return await asyncio.wait_for(ask(), _ANSWER_SECONDS)
        except Exception as error:
            if pause is None or _is_verdict(error):
                return _in_words(error, options)
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns")


def _is_verdict(error: Exception) -> bool:
    status = getattr(error, "status", 0)
    refused = isinstance(status, int) and 400 <= status < 500 and status not in _PASSING
    return refused or isinstance(error, _VERDICTS)


def _in_words(error: Exception, options: Mapping[str, Any]) -> str:
    """An error as one line without secrets; the error itself may hold a signed address."""
    if isinstance(error, TimeoutError):
        return f"no answer within {_ANSWER_SECONDS:g} s"
    if isinstance(error, FileNotFoundError):
        return "FileNotFoundError: there is no such object"
    words = " ".join(str(error).split())
    for secret in _texts_in(options):
        words = words.replace(secret, "***")
    words = re.sub(r"://[^/@\s]*@", "://", re.sub(r"\?[^\s'\")]*", "", words))
    name = type(error).__name__
    return f"{name}: {words}" if words else name


def _texts_in(value: Any) -> Iterator[str]:
    """All texts in options, at any depth."""
    if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts_in(each)


def _version_of(entry: Mapping[str, Any]) -> int:
    """A number that differs where a listed file's tag or time differs."""
    found = [entry.get(name) for name in ("ETag", "etag", "md5Hash", "LastModified", "created")]
    return zlib.crc32(repr([each for each in found if each is not None][:1]).encode())


def processes_for(root: str, names: Sequence[str], workers: int) -> int:
    """How many processes a flow takes of so many workers.

    A process that waits for an answer needs no CPU, so from a bucket each worker is several
    processes, of which one computes while the others wait. What only this process has is read
    in this process.

    Args:
        root: what names start at.
        names: of the files.
        workers: that are asked for.
    """
    first = root or next(iter(names), "")
    if not is_address(first):
        return workers
    return 0 if first.startswith("memory://") else workers * _PROCESSES_A_WORKER
