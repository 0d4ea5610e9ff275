import sys,faulthandler; faulthandler.dump_traceback_later(60,exit=True)
import tempfile,bench.screen as s
from pathlib import Path
s.BOARDS=int(sys.argv[1])
with tempfile.TemporaryDirectory() as d:
    with s._our_boards(Path(d)) as f: print(f())
    with s._bare_boards() as f: print(f())
