const WINDOW_MS = 3 * 60_000;
const MOST = 10;
const PAUSES_MS = [0, 500, 1_000, 2_000];

/**
 * Decides whether a server that has ended by itself is started again, and after which pause.
 *
 * Runs outlive the server, so starting it again loses nothing; only one that ends again and again is given up.
 */
export class Restarts {
  #ends: number[] = [];

  constructor(private readonly now: () => number) {}

  /** The server has ended: the pause before it is started again, or undefined to give it up. */
  ended(): number | undefined {
    const now = this.now();
    this.#ends = [...this.#ends.filter((each) => now - each < WINDOW_MS), now];
    if (this.#ends.length > MOST) {
      return undefined;
    }
    return PAUSES_MS[Math.min(this.#ends.length, PAUSES_MS.length) - 1];
  }

  /** The user wants another try: what was before does not count. */
  forget(): void {
    this.#ends = [];
  }
}

/** What the user is told when the server is given up. */
export const GIVEN_UP =
  `Bursar's server ended more than ${MOST} times within three minutes and is not started again. ` +
  "Runs and what they cost are kept. The log says why it ended.";
