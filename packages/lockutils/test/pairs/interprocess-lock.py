import os

from oslo_concurrency import lockutils
from work import work

deploy = lockutils.InterProcessLock(os.path.join(os.environ['OSLO_LOCK_PATH'], 'deploy.lock'))
if deploy.acquire(blocking=False):
    work()
    deploy.release()
deploy.acquire(timeout=5)
work()
deploy.release()
print('acquired' if deploy.acquired else 'released')
