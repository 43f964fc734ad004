import logging
import re
import sys

from oslo_concurrency import lockutils


class WithoutSecondsAndModule(logging.Formatter):
    def format(self, record):
        return re.sub(r'\d+\.\d{3}s', 'Ns', record.getMessage()).replace('__main__.', '')


handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(WithoutSecondsAndModule())
logging.basicConfig(level=logging.DEBUG, handlers=[handler])


@lockutils.synchronized('ledger')
def append():
    print('appended')


@lockutils.synchronized('ledger', blocking=False)
def append_now():
    print('never')


append()
with lockutils.lock('ledger', do_log=False):
    # Returns None before oslo.concurrency 7.3, and raises since.
    try:
        append_now()
    except lockutils.AcquireLockFailedException:
        pass
