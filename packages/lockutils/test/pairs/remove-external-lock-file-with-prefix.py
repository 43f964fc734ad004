from oslo_concurrency import lockutils
from work import work

clean_up = lockutils.remove_external_lock_file_with_prefix('nova')
with lockutils.lock('ledger', 'nova', external=True):
    work()
with lockutils.lock('ledger', 'cinder', external=True):
    work()
clean_up('ledger')
