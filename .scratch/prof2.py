import cProfile,pstats,tempfile,sys
from pathlib import Path
from bench.ingest import Stream
from tests.system.postgres import postgres
with postgres() as url:
    s=Stream(url); s.take()
    envs=[s._sealed() for _ in range(6)]
    s._sealed=iter(envs).__next__
    p=cProfile.Profile(); p.enable(); r=s.take(); p.disable(); s.close()
    pstats.Stats(p).sort_stats('tottime').print_stats(16)
