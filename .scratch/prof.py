import cProfile,pstats,tempfile,sys
from pathlib import Path
from bench.ingest import Stream
with tempfile.TemporaryDirectory() as d:
    s=Stream(f"sqlite:///{d}/c.db"); s.take()
    import aldaba_cloud.fleet.ingest
    envs=[s._sealed() for _ in range(6)]
    s._sealed=iter(envs).__next__
    p=cProfile.Profile(); p.enable(); r=s.take(); p.disable()
    pstats.Stats(p).sort_stats('tottime').print_stats(22)
