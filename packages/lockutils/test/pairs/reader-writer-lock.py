from oslo_concurrency import lockutils

both = lockutils.ReaderWriterLock()
with both.read_lock():
    print(both.owner, int(both.has_pending_writers), int(both.is_reader()))
    try:
        with both.write_lock():
            print('never')
    except RuntimeError:
        print('a reader does not become a writer')
with both.write_lock():
    print(both.owner, int(both.is_writer()))
