// The path of a request target as file names.
//
// Nothing is tidied: whatever a name is after one decoding is looked up as it is. File names are
// bytes, not text, so each character stands for one byte (latin1), as in Node's request.url.

export interface RequestPath {
  /** Decoded once, none of them empty; no names at all is the root. */
  names: string[];
  /** Whether a slash ends it, which asks for a folder. */
  slash: boolean;
  /** What follows the path: empty, or '?' and a query, still encoded. */
  query: string;
}

/**
 * Reads a request target in origin form (`/x`) or absolute form (`http://host/x`); RFC 9112,
 * section 3.2. Returns undefined for one that is not well formed.
 */
export function parseTarget(target: string): RequestPath | undefined {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const parts = /^(\/[^?#]*)?(\?[^#]*)?/.exec(target.slice(origin.length));
  const path = parts?.[1] ?? (origin === '' ? '' : '/');
  if (path === '' || /%(?![0-9a-f]{2})/i.test(path)) return undefined;
  return {
    names: path.split('/').filter(Boolean).map(decode),
    slash: path.endsWith('/'),
    query: parts?.[2] ?? '',
  };
}

/** A file name as one segment of a URL. Nothing in it can end the segment, or begin a host. */
export function encodeName(name: string): string {
  return name.replace(/[^A-Za-z0-9._~-]/g, percent);
}

/** A query that may stand in a header's value, whatever it was. */
export function encodeQuery(query: string): string {
  return query.replace(/[^!-~]/g, percent);
}

function decode(segment: string): string {
  return segment.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function percent(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
