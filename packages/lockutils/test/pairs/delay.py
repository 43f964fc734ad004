from oslo_concurrency import lockutils
from work import work

with lockutils.lock('ledger', external=True, delay=0.005):
    work()
