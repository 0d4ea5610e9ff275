"""What a disk may hold after the power went, told from the system calls a program made.

`strace` writes down every call that changes files, with its bytes. A cut after
the n-th call leaves one of many disks: everything so far, as after a kill; only
what was synced, as on a card that kept the rest in its cache; or, between the
two, any of the writes since the last sync, whole or torn. A name lasts once its
folder is synced; before that it may, in the order in which names were changed.
That is harder than ext4 is in practice, and what POSIX allows.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

CALLS: Final = (
    "openat,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat"
)
_CALL: Final = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_HEX: Final = re.compile(r"\\x([0-9a-f]{2})")
_WORD: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"|(?:(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>)|([^,\s]+)')


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that changed something: its name, its words, what it answered."""

    name: str
    words: tuple[bytes, ...]
    answer: int


def record(command: list[str], trace: Path) -> list[Call]:
    """Run a program of one thread to its end and answer its calls that worked, in their order."""
    told = ["strace", "-o", str(trace), "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}"]
    subprocess.run([*told, *command], check=True, stdout=subprocess.PIPE)  # a pipe can be told from the files
    return [call for line in trace.read_text("ascii").splitlines() if (call := _read(line)) is not None]


def _read(line: str) -> Call | None:
    found = _CALL.match(line)
    if found is None or int(found[3]) < 0:
        return None
    words = tuple(
        bytes.fromhex("".join(_HEX.findall(one[0] or one[1]))) if (one[0] or one[1]) else one[2].encode()
        for one in _WORD.findall(found[2])
    )
    return Call(found[1], words, int(found[3]))


@dataclass(slots=True)
class _File:
    """Bytes as the program sees them, as the platter has them, and what is on its way between the two."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes), or (size, None) for a cut to a size."""

    def change(self, at: int, data: bytes | None) -> None:
        _apply(self.seen, at, data)
        self.waiting.append((at, data))

    def sync(self) -> None:
        self.kept = bytearray(self.seen)
        self.waiting.clear()


def _apply(body: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del body[at:]
        body.extend(bytes(at - len(body)))
        return
    body.extend(bytes(max(0, at - len(body))))
    body[at : at + len(data)] = data


_Node = _File | str | None
"""A file, where a link leads, or None for a folder."""


class Disk:
    """The files under a folder, fed one call at a time."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._names: dict[str, _Node] = {self._root: None}
        self._kept: dict[str, _Node] = {self._root: None}
        self._renames: list[Callable[[dict[str, _Node]], None]] = []
        self._moved: dict[str, str] = {}
        """Folders by their new name, with the one that may still stand on the platter."""
        self._ends: dict[str, int] = {}
        """How far a file that is written without offsets was written, by its path."""

    def feed(self, call: Call) -> bool:
        """Take a call into account; False when it changed nothing here."""
        words = [word.decode("utf-8", "surrogateescape") for word in call.words]
        if any(word.endswith("-shm") for word in words):
            return False  # shared memory between processes: nothing of it outlives the power
        change = getattr(self, f"_{call.name}", None)
        return bool(change and change(call, words))

    # What stays ---------------------------------------------------------------------------------------------------

    def killed(self, into: Path) -> None:
        """Everything the program did."""
        _write(self._names, self._root, into, lambda file: file.seen)

    def synced(self, into: Path) -> None:
        """Nothing but what was synced."""
        _write(self._kept, self._root, into, lambda file: file.kept)

    def torn(self, into: Path, dice: Random) -> None:
        """Some of the rest as well: a few names, a few writes, one of them only in part."""
        names = dict(self._kept)
        for rename in self._renames[: dice.randint(0, len(self._renames))]:
            rename(names)
        _write(names, self._root, into, lambda file: _partly(file, dice))

    # The calls ----------------------------------------------------------------------------------------------------

    def _ours(self, path: str) -> bool:
        return path.startswith(self._root)

    def _name(self, change: Callable[[dict[str, _Node]], None]) -> bool:
        change(self._names)
        self._renames.append(change)
        return True

    def _openat(self, _call: Call, words: list[str]) -> bool:
        path, flags = _under(words[0], words[1]), words[2]
        if not self._ours(path) or "O_CREAT" not in flags:
            return False
        self._ends[path] = 0
        known = self._names.get(path)
        if isinstance(known, _File):
            if "O_TRUNC" in flags:
                known.change(0, None)
            return "O_TRUNC" in flags
        file = _File()
        return self._name(lambda names: names.__setitem__(path, file))

    def _write(self, call: Call, words: list[str]) -> bool:
        file = self._names.get(words[0])
        if not isinstance(file, _File):
            return False
        at = self._ends[words[0]]
        self._ends[words[0]] = at + call.answer
        file.change(at, call.words[1][: call.answer])
        return True

    def _pwrite64(self, call: Call, words: list[str]) -> bool:
        file = self._names.get(words[0])
        if not isinstance(file, _File):
            return False
        file.change(int(words[3]), call.words[1][: call.answer])
        return True

    def _ftruncate(self, _call: Call, words: list[str]) -> bool:
        file = self._names.get(words[0])
        if not isinstance(file, _File):
            return False
        # strace writes small numbers in decimals and sizes in either way.
        file.change(int(words[1], 0), None)
        return True

    def _fsync(self, _call: Call, words: list[str]) -> bool:
        path = words[0]
        if not self._ours(path) or path not in self._names:
            return False
        node = self._names[path]
        if isinstance(node, _File):
            node.sync()
        elif node is None:
            self._sync_folder(path)
        return True

    _fdatasync = _fsync

    def _sync_folder(self, folder: str) -> None:
        """The names in this folder last; those elsewhere may yet be lost, so they wait for their own."""
        for after in [path for path in self._moved if os.path.dirname(path) == folder]:  # noqa: PTH120 - text, no path
            _move(self._kept, self._moved.pop(after), after)
        here = {path for path in (*self._names, *self._kept) if os.path.dirname(path) == folder}  # noqa: PTH120 - text, no path
        for path in here:
            if path in self._names:
                self._kept[path] = self._names[path]
            else:
                _drop(self._kept, path)
        self._renames.clear()

    def _rename(self, _call: Call, words: list[str]) -> bool:
        paths = [word for word in words if word.startswith("/")]
        before, after = paths[0], paths[-1]
        if not self._ours(before):
            return False
        if self._names.get(before) is None:
            self._moved[after] = before
        return self._name(lambda names: _move(names, before, after))

    _renameat = _renameat2 = _rename

    def _unlink(self, _call: Call, words: list[str]) -> bool:
        path = words[0]
        return self._ours(path) and self._name(lambda names: _drop(names, path))

    _rmdir = _unlink

    def _unlinkat(self, _call: Call, words: list[str]) -> bool:
        path = _under(words[0], words[1])
        return self._ours(path) and self._name(lambda names: _drop(names, path))

    def _mkdir(self, _call: Call, words: list[str]) -> bool:
        path = words[0]
        return self._ours(path) and self._name(lambda names: names.__setitem__(path, None))

    def _symlink(self, _call: Call, words: list[str]) -> bool:
        leads, path = words[0], words[1]
        return self._ours(path) and self._name(lambda names: names.__setitem__(path, leads))


def _under(folder: str, name: str) -> str:
    return name if name.startswith("/") else f"{folder}/{name}"


def _move(names: dict[str, _Node], before: str, after: str) -> None:
    for path in [path for path in names if path == before or path.startswith(before + "/")]:
        names[after + path.removeprefix(before)] = names.pop(path)


def _drop(names: dict[str, _Node], gone: str) -> None:
    for path in [path for path in names if path == gone or path.startswith(gone + "/")]:
        del names[path]


def _partly(file: _File, dice: Random) -> bytearray:
    body = bytearray(file.kept)
    for at, data in file.waiting:
        if dice.random() < 0.5:
            torn = data is not None and dice.random() < 0.3
            _apply(body, at, data[: dice.randint(0, len(data))] if torn and data is not None else data)
    return body


def _write(names: dict[str, _Node], root: str, into: Path, body: Callable[[_File], bytearray]) -> None:
    for path in sorted(names):
        target = into / path.removeprefix(root).lstrip("/")
        node = names[path]
        if not target.parent.is_dir():
            continue
        if isinstance(node, _File):
            target.write_bytes(body(node))
            target.chmod(0o600)
        elif node is None:
            target.mkdir(exist_ok=True)
        else:
            target.symlink_to(node)


def cuts(calls: list[Call], root: Path) -> Iterator[tuple[int, Disk, Call]]:
    """The disk after each call that changed it, and that call; what is printed is no change and comes along too."""
    disk = Disk(root)
    for number, call in enumerate(calls):
        if disk.feed(call) or (call.name == "write" and call.words[0].startswith(b"pipe:")):
            yield number, disk, call
