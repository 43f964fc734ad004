from oslo_concurrency import lockutils

with lockutils.lock('ledger', external=True):
    try:
        with lockutils.lock('ledger', external=True, blocking=False):
            print('never')
    except lockutils.AcquireLockFailedException as error:
        print(error)
