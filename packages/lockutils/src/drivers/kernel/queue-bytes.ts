/** Locked while a ticket is drawn. Tickets are the bytes before it. */
export const guardByte = 2 ** 40;

/** Locked by the one reader that waits to become a writer. Newcomers that would share with it wait in the meantime. */
export const upgradeByte = guardByte + 1;

/** Locked by one of several holders that are admitted together, while it learns of a dead writer. */
export const newsByte = guardByte + 2;
