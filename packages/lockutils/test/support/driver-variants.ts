/** Both strict drivers, each with and without a fair line. */
export const driverVariants = [
  { driver: 'kernel', fair: false },
  { driver: 'kernel', fair: true },
  { driver: 'lockfile', fair: false },
  { driver: 'lockfile', fair: true },
] as const;
