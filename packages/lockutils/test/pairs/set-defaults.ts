import { getLockPath, setDefaults } from '@oslo-concurrency/lockutils';

// In oslo the variable is itself only a default, which this one replaces; here it stays above all defaults.
delete process.env.OSLO_LOCK_PATH;
setDefaults({ lockPath: '/srv/locks' });
console.log(getLockPath());
