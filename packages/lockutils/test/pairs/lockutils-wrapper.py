from oslo_concurrency import lockutils

# What the console script `lockutils-wrapper` does.
status = lockutils._lock_wrapper(['lockutils-wrapper', 'sh', '-c', 'test -d "$OSLO_LOCK_PATH" && exit 3'])
print(status)
