from oslo_concurrency import lockutils
from work import work

ledger = lockutils.external_lock('ledger', lock_file_prefix='nova')
with ledger:
    work()
print('acquired' if ledger.acquired else 'released')
