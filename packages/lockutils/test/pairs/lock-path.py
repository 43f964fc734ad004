import os

from oslo_concurrency import lockutils
from work import work

with lockutils.lock('volumes/7', lock_file_prefix='cinder-', external=True,
                    lock_path=os.environ['OSLO_LOCK_PATH']):
    work()
