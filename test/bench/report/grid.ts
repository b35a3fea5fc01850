// Columns of text for a terminal. One column gives way where a line would become too long: it is broken
// into several lines, because a terminal that breaks lines itself leaves no column straight.

/** Cells, or a text that runs across all columns. */
export type Line = readonly string[] | string;

/** How a column is set: to the left, to the right, or to the left and broken where it is too long. */
export type Column = 'left' | 'right' | 'broken';

const gap = '  ';

/** The words of `text` in lines of at most `width` characters; a longer word has its own line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

function widths(lines: readonly Line[], columns: readonly Column[], width: number): number[] {
  const cells = lines.filter((line) => typeof line !== 'string');
  const natural = columns.map((_, at) =>
    Math.max(0, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const total = natural.reduce((sum, each) => sum + each, gap.length * (columns.length - 1));
  const excess = Math.max(0, total - width);
  return natural.map((each, at) => (columns[at] === 'broken' ? Math.max(each - excess, 1) : each));
}

/**
 * `lines` with their cells in columns, at most `width` characters wide if the broken column can give
 * way so far, without blanks at the ends.
 */
export function grid(
  lines: readonly Line[],
  columns: readonly Column[],
  width: number,
): readonly string[] {
  const wide = widths(lines, columns, width);
  return lines.flatMap((line) => {
    if (typeof line === 'string') return wrap(line, width);
    const cells = columns.map((column, at) =>
      column === 'broken' ? wrap(line[at] ?? '', wide[at] ?? 0) : [line[at] ?? ''],
    );
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, row) =>
      cells
        .map((cell, at) => {
          const text = cell[row] ?? '';
          const size = wide[at] ?? 0;
          return columns[at] === 'right' ? text.padStart(size) : text.padEnd(size);
        })
        .join(gap)
        .trimEnd(),
    );
  });
}
