from oslo_concurrency import lockutils
from oslo_config import cfg
from work import work

cfg.CONF.set_override('disable_process_locking', True, 'oslo_concurrency')
with lockutils.lock('ledger', external=True):
    work()
