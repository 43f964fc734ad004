import os

import fasteners
from work import work


@fasteners.interprocess_locked(os.path.join(os.environ['OSLO_LOCK_PATH'], 'deploy.lock'))
def deploy(version):
    work()
    return f'deployed {version}'


print(deploy('7'))
