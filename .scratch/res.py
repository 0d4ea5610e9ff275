import re,sys
def theirs(p, pick):
    s=open(p).read(); n=[0]
    def f(m):
        n[0]+=1
        return m.group(2 if pick(n[0])=='mine' else 1)
    s=re.sub(r'<<<<<<< HEAD\n(.*?)=======\n(.*?)>>>>>>> [^\n]*\n',f,s,flags=re.S)
    open(p,'w').write(s)
theirs('cloud/aldaba_cloud/fleet/models.py',lambda n:'mine')
theirs('cloud/aldaba_cloud/fleet/books.py',lambda n:'mine')
p='cloud/aldaba_cloud/fleet/books.py'; s=open(p).read()
a=s.index('_partitions: set['); b=s.index('def _ensure_partition')
s=s[:a]+s[b:]
a=s.index('    utc = at if at.tzinfo'); b=s.index('def _sqlite_moments')
s=s[:a]+'    return at.isoformat(" ", "microseconds")[:26]\n\n\n'+s[b:]
s=s.replace('"""An instant as `UtcDateTime` keeps it in SQLite: text that sorts by time."""','"""An instant in UTC as `UtcDateTime` keeps it in SQLite: text that sorts by time, without its zone."""')
s=s.replace("now = sqlite_moment(work.now)","now = sqlite_moment(work.now.astimezone(UTC))")
open(p,'w').write(s)
