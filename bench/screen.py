"""From one event taken in to the last of 1,000 open boards, in one process.

Ours: a signed batch with one line comes in as the broker would hand it over, is
kept and committed, and 1,000 streams of `/live/board` get it over HTTP from
uvicorn. Floor: a bare ASGI application on the same uvicorn that writes the same
bytes to 1,000 streams when told. Both sides are read by one process of ours,
which counts until the last stream has it. There is no peer: nothing that
installs from PyPI and runs doors has live boards.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import uvicorn
