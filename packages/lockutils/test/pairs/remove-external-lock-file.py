import os

from oslo_concurrency import lockutils

with lockutils.lock('ledger', external=True):
    pass
print(int(os.path.exists(os.path.join(os.environ['OSLO_LOCK_PATH'], 'ledger'))))
lockutils.remove_external_lock_file('ledger')
print(int(os.path.exists(os.path.join(os.environ['OSLO_LOCK_PATH'], 'ledger'))))
