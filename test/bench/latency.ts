// How long a small message takes there and back, how many go through when the client does not wait
// for each, and what either costs when many connections are open.
import { type Contender, stylesOf, withLineup } from './contenders.js';
import { report, run } from './processes.js';
import type { Figure } from './report/report.js';
import { figure, rates } from './rounds.js';
import type { Settings } from './settings.js';

const size = 64;

function roundTrips(settings: Settings, style: string, contenders: readonly Contender[]): Figure[] {
  settings.progress(`round trips, ${style} server`);
  const servers = contenders.map(({ protocol, port }) => `${protocol}:${port}`);
  const count = Math.round(settings.turn * 10_000);
  const quantiles = ['p50', 'p99', 'p999'] as const;
  type Times = Record<(typeof quantiles)[number], number>;
  const turns = Array.from({ length: settings.rounds }, () => {
    return report<{ servers: Times[] }>('ping', size, count, ...servers).servers;
  });
  return quantiles.map((quantile) => {
    const title = `round trip of ${size} B, ${quantile.replace('p999', 'p99.9')}, ${style} server`;
    return figure(
      { id: `ping/${quantile}/${style}`, group: 'Latency', title, unit: 'µs', better: 'less' },
      contenders,
      contenders.map((_, i) => turns.map((times) => times[i]?.[quantile] ?? Number.NaN)),
    );
  });
}

function pipelined(settings: Settings, style: string, contenders: readonly Contender[]): Figure {
  settings.progress(`messages per second, ${style} server`);
  const window = 64;
  const once = (one: Contender, count: number) => {
    const result = run('pipeline', one.protocol, one.port, window, count, size);
    const { messages = Number.NaN, seconds = Number.NaN } = result;
    return messages / seconds;
  };
  const title = `echoes of ${size} B, ${window} on their way, ${style} server`;
  return figure(
    { id: `messages/${style}`, group: 'Messages', title, unit: 'messages/s', better: 'more' },
    contenders,
    rates(settings, contenders, 20 * window, once),
  );
}

/** Round trips and messages per second. The proxies stand before the style `epoll-level`. */
export async function latency(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const style of stylesOf(settings)) {
    await withLineup(settings, style, (all) => {
      figures.push(...roundTrips(settings, style, all), pipelined(settings, style, all));
    });
  }
  return figures;
}
