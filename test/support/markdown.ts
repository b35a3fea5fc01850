// What tests look for in the documents: sections, tables, blocks of code, links.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { packageRoot } from '../../src/paths.js';

export interface Heading {
  level: number;
  title: string;
}

/** The text of a document, by its path from the package's root. */
export function readDocument(path: string): string {
  return readFileSync(join(packageRoot, path), 'utf8');
}

/** Its headings, in order; lines in blocks of code are none. */
export function headingsOf(text: string): Heading[] {
  return [...withoutBlocks(text).matchAll(/^(#+) (.*)$/gm)].map(([, marks = '', title = '']) => ({
    level: marks.length,
    title,
  }));
}

/**
 * What follows a heading, up to the next one of any level. Throws if there is none. Comments of a
 * shell in a block of code would look like headings; no section that is asked for has them.
 */
export function sectionOf(text: string, title: string): string {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title);
  if (from < 0) throw new Error(`there is no section "${title}"`);
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => /^#{1,6} /.test(line));
  return rest.slice(0, to < 0 ? undefined : to).join('\n');
}

/** The cells of each row of a text's tables, heads included, rules not. */
export function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-|]+$/.test(line))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** The blocks of code that are marked with a language ('' for those that are not). */
export function blocksOf(text: string, language = ''): string[] {
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return blocks.filter(([, marked]) => marked === language).map(([, , code = '']) => code);
}

/** The long options that are named in a text, each once. */
export function optionsIn(text: string): string[] {
  return [...new Set(text.match(/(?<![\w-])--[a-z][a-z0-9-]*/g))].sort();
}

/** Where a text's links lead: a path, an anchor, or both. */
export function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchor that GitHub gives a heading. */
export function anchorOf({ title }: Heading): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}
