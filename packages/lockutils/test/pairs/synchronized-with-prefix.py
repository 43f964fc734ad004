from oslo_concurrency import lockutils
from work import work

synchronized = lockutils.synchronized_with_prefix('nova-')


@synchronized('ledger', external=True)
def append():
    work()


append()
