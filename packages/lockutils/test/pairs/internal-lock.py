from oslo_concurrency import lockutils

with lockutils.internal_lock('cache'):
    print('held')
    try:
        with lockutils.internal_lock('cache', blocking=False):
            print('never')
    except lockutils.AcquireLockFailedException as error:
        print(error)
