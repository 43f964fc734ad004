from oslo_concurrency import lockutils
from oslo_config import cfg

lockutils.set_defaults('/srv/locks')
print(lockutils.get_lock_path(cfg.CONF))
