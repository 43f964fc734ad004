from oslo_concurrency import lockutils

locks = lockutils.FairLocks()
with locks.get('cache').write_lock():
    print(locks.get('cache').owner, locks.get('other').owner or 'nobody')
