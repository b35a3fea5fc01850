// What a run shows of itself: a report made up here, with a promise that is missed and a value that could
// not be measured, as table, page and picture.
import { strict as assert } from 'node:assert';
import { describe, test } from 'node:test';

import { page } from './report/page.js';
import { picture } from './report/picture.js';
import type { Figure, Report } from './report/report.js';
import { table } from './report/table.js';
import { verdict } from './report/verdict.js';
import { differences, quantile, ratios, type Spread, spread } from './statistics.js';

const nothing = spread([]);
const contenders = ['plain TCP', 'wswrap', 'wsproxy', 'proxy on <ws>'];

function around(median: number): Spread {
  return { median, low: median * 0.98, high: median * 1.02 };
}

function figure(id: string, title: string): Figure {
  const shares = [1, 0.952, 0.41, Number.NaN];
  const rows = contenders.map((contender, at) => {
    const share = shares[at] ?? Number.NaN;
    const ratio = at === 0 ? spread([1]) : around(share);
    return { contender, value: around(3484 * share), ratio, cpu: around(0.28 / share) };
  });
  return { id, group: 'Throughput', title, unit: 'MB/s', better: 'more', rows };
}

const report: Report = {
  version: 1,
  taken: '2026-01-31T14:05:09.000Z',
  quick: false,
  rounds: 7,
  machine: [['CPU', 'Example 9000, 2 CPUs']],
  figures: [
    figure('upload/65536/epoll-level', 'upload, 64 KiB frames'),
    figure('download/65536/epoll-level', 'download, 64 KiB writes'),
    {
      id: 'memory',
      group: 'Memory',
      title: 'memory per idle connection',
      unit: 'B per connection',
      better: 'less',
      rows: [{ contender: 'wswrap', value: { median: -8, low: -20, high: 400 } }],
    },
  ],
  contract: [
    verdict('upload, 64 KiB frames', 'at least', 0.85, '×', around(0.952)),
    verdict('download, 64 KiB writes', 'at least', 0.98, '×', around(0.952)),
    verdict('cost of other calls', 'at most', 5, 'ns', nothing),
  ],
  skipped: ['websockify: not installed.'],
};

/** The text with ordinary blanks. */
function plain(text: string): string {
  return text.replace(/\u00a0/g, ' ');
}

describe('statistics', () => {
  test('interpolate between samples', () => {
    assert.deepEqual(spread([4, 1, 3, 2]), { median: 2.5, low: 1.75, high: 3.25 });
    assert.equal(quantile([7], 0.9), 7);
    assert.deepEqual(nothing, { median: Number.NaN, low: Number.NaN, high: Number.NaN });
  });

  test('compare with the reference of the same round', () => {
    assert.deepEqual(ratios([2, 9], [4, 3]), [0.5, 3]);
    assert.deepEqual(differences([2, 9], [4]), [-2, Number.NaN]);
  });
});

describe('a verdict', () => {
  const met = (sense: 'at least' | 'at most', bound: number, value: Spread) =>
    verdict('', sense, bound, '×', value).met;

  test('forgives what is less than the spread', () => {
    assert.ok(met('at least', 1.01, around(1)));
    assert.ok(!met('at least', 1.03, around(1)));
    assert.ok(met('at most', 0.99, around(1)));
    assert.ok(!met('at most', 0.97, around(1)));
  });

  test('is never good on what was not measured', () => {
    assert.ok(!met('at least', 0, nothing));
    assert.ok(!met('at most', 0, nothing));
  });
});

describe('the table', () => {
  const text = plain(table(report));

  test('has every figure and contender, within 100 columns', () => {
    for (const { title, rows } of report.figures) {
      const part = text.slice(text.indexOf(`\n${title}`));
      for (const { contender } of rows) assert.ok(part.includes(`\n  ${contender} `), contender);
    }
    assert.match(text, /wswrap +3 320 MB\/s +±2 % +0\.95× +0\.294\n/);
    assert.match(text, /wswrap +−8\.00 B per connection +−20\.0 … 400\n/);
    assert.ok(text.split('\n').every((line) => line.length <= 100));
  });

  test('tells what was missed, what was not measured, and what was left out', () => {
    assert.match(text, /upload, 64 KiB frames +≥ 0\.85× +0\.952× +0\.933 … 0\.971 +kept\n/);
    assert.match(text, /download, 64 KiB writes +≥ 0\.98× .* MISSED\n/);
    assert.match(text, /cost of other calls +≤ 5 ns +– +– +NOT MEASURED\n/);
    assert.match(text, /1 of 3 promises kept/);
    assert.match(text, /websockify: not installed\./);
    assert.doesNotMatch(text, /NaN|undefined/);
  });

  test('breaks what is too long, at blanks', () => {
    const promise = 'word '.repeat(40).trim();
    const contract = [verdict(promise, 'at least', 1, '×', around(1))];
    const lines = table({ ...report, contract, skipped: [promise] }).split('\n');
    assert.ok(lines.every((line) => line.length <= 100));
    assert.equal(lines.join(' ').match(/\bword\b/g)?.length, 80);
  });
});

describe('the page', () => {
  const text = plain(page(report, { before: 'Before.\n', after: 'After.\n' }));

  test('has figures that belong together in one table', () => {
    assert.match(text, /^\| {2}\| plain TCP \| wswrap \| wsproxy \| proxy on \\<ws> \|$/m);
    const cells = '3 480 (1.00×) | 3 320 (0.95×) | 1 430 (0.41×) | –';
    assert.ok(
      text.includes(`| upload, 64 KiB frames | ${cells} |\n| download, 64 KiB writes | ${cells} |`),
    );
    assert.ok(text.includes('| memory per idle connection | −8.00, −20.0 … 400 |'));
  });

  test('has contract, picture and prose in order', () => {
    const parts = ['Before.', 'Example 9000', '**missed**', '**not measured**', '](benchmark.svg)'];
    const places = [...parts, '### Throughput', '- websockify:', 'After.\n'].map((part) =>
      text.indexOf(part),
    );
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
    assert.ok(!places.includes(-1));
    assert.doesNotMatch(text, /NaN|undefined/);
  });
});

describe('the picture', () => {
  const tag = /<(\/?)([\w:]+)(?:\s[\w:-]+="[^"<]*")*\s*(\/?)>/g;

  function assertWellFormed(svg: string): void {
    const open: string[] = [];
    for (const [, close, name = '', empty] of svg.matchAll(tag)) {
      if (close) assert.equal(open.pop(), name);
      else if (!empty) open.push(name);
    }
    assert.deepEqual(open, []);
    assert.doesNotMatch(svg.replace(tag, ''), /[<>]|&(?!\w+;)/);
  }

  test('is well-formed and shows every contender', () => {
    const svg = picture(report);
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assertWellFormed(svg);
    const texts = [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text = '']) => plain(text));
    for (const name of ['plain TCP', 'wswrap', 'wsproxy', 'proxy on &lt;ws&gt;', '0.95×', '–']) {
      assert.ok(texts.includes(name), name);
    }
    assert.ok(texts.includes('2026-01-31 14:05 UTC · CPU Example 9000, 2 CPUs'), texts.join('\n'));
    assert.doesNotMatch(svg, /NaN|undefined/);
  });

  test('is the same for the same report', () => {
    assert.equal(picture(report), picture(report));
  });

  test('does without figures that are missing', () => {
    const svg = picture({ ...report, figures: report.figures.slice(1, 2) });
    assert.match(svg, /Download, 64 KiB/);
    assert.doesNotMatch(svg, /Upload/);
    assertWellFormed(picture({ ...report, figures: [] }));
  });
});
