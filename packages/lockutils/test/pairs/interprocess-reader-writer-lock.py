import os

import fasteners
from work import work

index = fasteners.InterProcessReaderWriterLock(os.path.join(os.environ['OSLO_LOCK_PATH'], 'index'))
with index.read_lock():
    work()
index.acquire_write_lock()
work()
index.release_write_lock()
