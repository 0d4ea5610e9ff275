"""What a start may load: every import is time in which a door decides nothing, and memory for as long as it runs."""

import subprocess
import sys

WANTED = {"aldaba_edge", "aldaba_shared", "aldaba_profiles", "base45", "cbor2", "cryptography", "cwt", "msgspec"}
THEIRS = {"_cbor2", "_cffi_backend", "cffi", "pyhpke", "structlog"}
WHERE_THEY_ARE = {"rich", "attr", "pygments", "greenlet", "typing_extensions", "colorama", "_distutils_hack"}
"""Not on a controller; structlog takes some of them where a developer's tools brought them along."""
ASK = """
import sys, aldaba_edge.daemon
files = {name: str(module.__dict__.get("__file__")) for name, module in sys.modules.items()}
print(*{name.partition(".")[0] for name, file in files.items() if "site-packages" in file})
"""


def test_before_a_door_decides_nothing_is_loaded_but_what_deciding_needs() -> None:
    loaded = set(subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True).stdout.split())
    assert {"msgspec", "structlog"} <= loaded
    assert loaded - WANTED - THEIRS - WHERE_THEY_ARE == set()
