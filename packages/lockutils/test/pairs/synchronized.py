from oslo_concurrency import lockutils
from work import work


@lockutils.synchronized('ledger', 'nova', external=True)
def append(entry):
    work()
    return entry.upper()


print(append('a'), append.__name__)
