from oslo_concurrency import lockutils
from work import work

lock = lockutils.lock_with_prefix('nova')
with lock('ledger', external=True):
    work()
