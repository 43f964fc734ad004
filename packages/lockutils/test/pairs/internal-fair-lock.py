from oslo_concurrency import lockutils

with lockutils.internal_fair_lock('cache').write_lock():
    print(lockutils.internal_fair_lock('cache').owner)
