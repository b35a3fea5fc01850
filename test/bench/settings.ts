// What every measurement is told: how long and how often, and where to report what is left out.

export interface Settings {
  quick: boolean;
  /** How often each contender has its turn. */
  rounds: number;
  /** How long one turn should take, in seconds. */
  turn: number;
  /** Shows on the terminal what is being measured. */
  progress(what: string): void;
  /** Notes that something is left out, with its reason. */
  skip(why: string): void;
}
