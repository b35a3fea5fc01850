// The picture of the README: how much of plain TCP's throughput each contender reaches, and what CPU time
// that costs. It is drawn on a card of its own, because GitHub shows it on white and on black; and it
// is the same text for the same report, so that a commit of it shows only what has changed.
import * as echarts from 'echarts';
import { wrap } from './grid.js';
import { moment, unmeasured } from './numbers.js';
import { type Panel, panels } from './panels.js';
import type { Report } from './report.js';

const width = 800;
const margin = 24;
const between = 40;
const namesWidth = 130;
const panelWidth = (width - 2 * margin - namesWidth - between) / 2;
const barHeight = 21;
const headHeight = 72;
const titleHeight = 26;
const captionGap = 16;
const captionLine = 15;
const captionLetters = 125;

const subtitle = '1.00×, the dashed line, is the same server without WebSocket';

const colours = {
  card: '#ffffff',
  border: '#d1d9e0',
  text: '#1f2328',
  quiet: '#59636e',
  plain: '#6e7781',
  wswrap: '#0969da',
  wsproxy: '#54aeff',
  other: '#c4ccd4',
};

function colour(contender: string): string {
  if (contender.startsWith('wswrap')) return colours.wswrap;
  if (contender.startsWith('wsproxy')) return colours.wsproxy;
  return contender === 'plain TCP' ? colours.plain : colours.other;
}

/** Where panel number `at` has its bars: two panels side by side, the names left of both. */
function place(at: number, contenders: number) {
  const height = contenders * barHeight;
  return {
    left: margin + namesWidth + (at % 2) * (panelWidth + between),
    top: headHeight + titleHeight + Math.floor(at / 2) * (height + titleHeight + 20),
    width: panelWidth,
    height,
  };
}

/** Where the panels end. */
function bottom(count: number, contenders: number): number {
  const { top, height } = place(count - 1, contenders);
  return count === 0 ? headHeight : top + height;
}

/** The end of the value axis: panels with a mark have the same, so that their bars compare. */
function end(panel: Panel, all: readonly Panel[]): number {
  const alike = all.filter(({ mark }) => mark === panel.mark);
  const values = alike.flatMap(({ bars, mark }) => [mark ?? 0, ...bars.map(({ value }) => value)]);
  return Math.max(...values.filter(Number.isFinite)) * 1.18;
}

function series(panel: Panel, at: number, contenders: readonly string[]): echarts.BarSeriesOption {
  const data = contenders.map((name) => {
    const value = panel.bars.find(({ contender }) => contender === name)?.value ?? Number.NaN;
    const drawn = Number.isFinite(value);
    return {
      value: drawn ? value : 0,
      itemStyle: { color: colour(name) },
      label: { formatter: drawn ? panel.label(value) : unmeasured },
    };
  });
  const line = { color: colours.quiet, type: 'dashed' as const, width: 1 };
  // Below the bars and their labels, which it would make hard to read.
  const mark = { silent: true, z: 1, symbol: 'none', label: { show: false }, lineStyle: line };
  return {
    type: 'bar',
    silent: true,
    xAxisIndex: at,
    yAxisIndex: at,
    barWidth: barHeight - 6,
    label: {
      show: true,
      position: 'right',
      fontSize: 11,
      color: colours.text,
      textBorderColor: colours.card,
      textBorderWidth: 3,
    },
    data,
    ...(panel.mark === undefined ? {} : { markLine: { ...mark, data: [{ xAxis: panel.mark }] } }),
  };
}

function title(text: string, left: number, top: number, size: number, weight: 'bold' | 'normal') {
  const textStyle = {
    color: weight === 'bold' ? colours.text : colours.quiet,
    fontSize: size,
    fontWeight: weight,
    lineHeight: captionLine,
  };
  return { text, left, top, padding: 0, textStyle };
}

function option(
  shown: readonly Panel[],
  contenders: readonly string[],
  caption: string,
  height: number,
): echarts.EChartsOption {
  const places = shown.map((_, at) => place(at, contenders.length));
  const bare = { axisTick: { show: false }, splitLine: { show: false } };
  const name = {
    fontSize: 12,
    color: colours.text,
    interval: 0,
    width: namesWidth,
    overflow: 'truncate' as const,
  };
  const card = { x: 0.5, y: 0.5, width: width - 1, height: height - 1, r: 8 };
  return {
    animation: false,
    textStyle: { fontFamily: 'sans-serif' },
    graphic: {
      type: 'rect',
      silent: true,
      z: -1,
      shape: card,
      style: { fill: colours.card, stroke: colours.border },
    },
    title: [
      title('Throughput over plain TCP', margin, 20, 17, 'bold'),
      title(subtitle, margin, 44, 12, 'normal'),
      ...shown.map((panel, at) => {
        const { left = 0, top = 0 } = places[at] ?? {};
        return title(panel.title, left, top - titleHeight + 6, 12, 'bold');
      }),
      title(caption, margin, bottom(shown.length, contenders.length) + captionGap, 11, 'normal'),
    ],
    grid: places,
    xAxis: shown.map((panel, at) => ({
      ...bare,
      type: 'value',
      gridIndex: at,
      min: 0,
      max: end(panel, shown),
      axisLabel: { show: false },
      axisLine: { show: false },
    })),
    yAxis: shown.map((_, at) => ({
      ...bare,
      type: 'category',
      gridIndex: at,
      inverse: true,
      data: [...contenders],
      axisLabel: { ...name, show: at % 2 === 0 },
      axisLine: { lineStyle: { color: colours.border } },
    })),
    series: shown.map((panel, at) => series(panel, at, contenders)),
  };
}

/** The drawing without the style sheet for hovering, whose class names count the pictures drawn. */
function withoutClasses(svg: string): string {
  return svg.replace(/<style\b.*?<\/style>\s*/s, '').replace(/ class="zr[^"]*"/g, '');
}

// For who cannot see it.
function titled(svg: string): string {
  return svg.replace(/<svg[^>]*>/, '$&<title>Throughput and CPU time beside plain TCP</title>');
}

/**
 * The report's picture as SVG, 800 pixels wide. Figures that the report does not have are left out; a
 * dash stands for what could not be measured.
 */
export function picture(report: Report): string {
  const shown = panels(report);
  const contenders = [...new Set(shown.flatMap(({ bars }) => bars.map((bar) => bar.contender)))];
  const facts = report.machine.map(([name, value]) => `${name}\u00a0${value}`);
  const caption = wrap([moment(report.taken), ...facts].join('\u00a0· '), captionLetters);
  const height =
    bottom(shown.length, contenders.length) + 2 * captionGap + caption.length * captionLine;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option(shown, contenders, caption.join('\n'), height));
    return titled(withoutClasses(chart.renderToSVGString()));
  } finally {
    chart.dispose();
  }
}
