from oslo_concurrency import lockutils
from work import work

with lockutils.lock('ledger', 'nova', external=True):
    work()
