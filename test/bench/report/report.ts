// What a run has measured: the JSON that it writes is this, and the table, the page and the picture
// are drawn from it and from nothing else.
import type { Spread } from '../statistics.js';

/** One contender's part in a figure. */
export interface Row {
  contender: string;
  value: Spread;
  /** Over the figure's reference of the same round. */
  ratio?: Spread;
  /** Seconds of CPU per GB of payload, of all processes of the server side. */
  cpu?: Spread;
  /** What that is more than the reference's of the same round. */
  extraCpu?: Spread;
  /** What the value consists of, for people: `read 1, poll 1`. */
  detail?: string;
}

/** One thing that was measured of several contenders. */
export interface Figure {
  /** Unique, for machines: `upload/65536/epoll-level`. */
  id: string;
  /** The heading it is shown under, the same for figures that belong together. */
  group: string;
  /** For people: `upload, 64 KiB frames, epoll server`. */
  title: string;
  /** Of the values: `MB/s`, `µs`, `B per connection`. */
  unit: string;
  better: 'more' | 'less';
  rows: Row[];
}

/** A promise, and what was measured of it. */
export interface Verdict {
  /** What is promised, for people: `download, 64 KiB writes, against plain TCP`. */
  promise: string;
  sense: 'at least' | 'at most';
  bound: number;
  /** Of the bound and the value: `×`, `s/GB`, `ns`, `B`. */
  unit: string;
  value: Spread;
  /** Not missed by more than its measured spread. */
  met: boolean;
}

export interface Report {
  /** Of this layout. */
  version: 1;
  /** When the run began, ISO 8601. */
  taken: string;
  quick: boolean;
  rounds: number;
  /** The machine and the versions of what took part, as lines of a table: name and value. */
  machine: [string, string][];
  figures: Figure[];
  contract: Verdict[];
  /** What was left out and why, a sentence each. */
  skipped: string[];
}
