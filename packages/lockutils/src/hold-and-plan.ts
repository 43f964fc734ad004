// What the public functions and objects use of the machinery, loaded together at the first call (see later.ts).

export { acquireTogether } from './acquire-together.js';
export { plan, planIn } from './acquisition.js';
export { checkNothingFollows } from './call-arguments.js';
export { hold, holdPlanned } from './hold.js';
export { removeLockFile } from './remove-lock-file.js';
