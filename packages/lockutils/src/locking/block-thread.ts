const never = new Int32Array(new SharedArrayBuffer(4));

/** Stops this thread, its event loop included, for so many milliseconds. Costs no processor time. */
export function blockThread(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}
