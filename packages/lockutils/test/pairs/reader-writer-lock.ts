import { ReaderWriterLock } from '@oslo-concurrency/lockutils';

const both = new ReaderWriterLock();
await both.readLock(async (held) => {
  console.log(both.owner, Number(both.hasPendingWriters), Number(both.isReader(held)));
  try {
    await both.writeLock(() => console.log('never'));
  } catch {
    console.log('a reader does not become a writer');
  }
});
await both.writeLock((held) => {
  console.log(both.owner, Number(both.isWriter(held)));
});
