import logging
import sys

from oslo_concurrency import lockutils

logging.basicConfig(level=logging.DEBUG, format='%(message)s', stream=sys.stdout)
with lockutils.lock('ledger', external=True):
    print('logged')
with lockutils.lock('ledger', external=True, do_log=False):
    print('not logged')
