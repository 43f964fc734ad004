from oslo_concurrency import lockutils
from work import work

with lockutils.lock('ledger', external=True, fair=True):
    work()
