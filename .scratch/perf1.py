import cbor2, msgspec, timeit
from datetime import UTC, datetime
from bench.visits import granted_visit
from aldaba_shared.events import *
from aldaba_shared.wire import encode
ev=granted_visit()
line=Line(12345, datetime.now(UTC),"bootbootboot",0,123456789,ev)
b=msgspec.to_builtins(line,builtin_types=(bytes,))
d=encode(line)
def t(name,f,n=5000):
    print(name, round(min(timeit.repeat(f,number=n,repeat=3))/n*1e6,2))
print(len(d))
t('encode',lambda:encode(line))
t('to_builtins',lambda:msgspec.to_builtins(line,builtin_types=(bytes,)))
t('dumps canon',lambda:cbor2.dumps(b,canonical=True))
t('dumps',lambda:cbor2.dumps(b))
t('loads',lambda:cbor2.loads(d))
eb=cbor2.dumps(msgspec.to_builtins(ev))
arr=[12345,1790000000123456,"bootbootboot",0,123456789,"access_decided","front","holder-0001","card-1","granted","floor",eb]
t('dumps arr',lambda:cbor2.dumps(arr,canonical=True))
t('dumps arr nc',lambda:cbor2.dumps(arr))
da=cbor2.dumps(arr)
t('loads arr',lambda:cbor2.loads(da))
t('loads arr via struct', lambda: read_line(d))
t('json',lambda:msgspec.json.encode(line))
t('msgpack',lambda:msgspec.msgpack.encode(line))
print(cbor2.dumps, cbor2.dumps.__module__)
print(b)
