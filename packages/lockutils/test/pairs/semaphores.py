from oslo_concurrency import lockutils

mine = lockutils.Semaphores()
with lockutils.lock('cache', semaphores=mine):
    with lockutils.lock('cache'):
        print(len(mine))
with mine.get('cache'):
    print('held')
print(len(mine))
