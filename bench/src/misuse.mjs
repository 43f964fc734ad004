/** Something was asked for that cannot be done; the message tells a person why. */
export class Misuse extends Error {}
