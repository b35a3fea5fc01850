// A picture in memory, and which parts of it changed.
//
// It is divided into tiles. Drawing marks the tiles that it touches; each viewer keeps its own set
// of tiles that it has not seen yet. So what a viewer is owed is bounded by the picture's size,
// however slow it is.

export const tileSize = 16;

/** Red, green and blue in the low 24 bits: 0xrrggbb. */
export type Color = number;

export class Picture {
  readonly pixels: Uint32Array;
  readonly columns: number;
  readonly rows: number;
  private readonly viewers = new Set<Tiles>();

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.pixels = new Uint32Array(width * height);
    this.columns = Math.ceil(width / tileSize);
    this.rows = Math.ceil(height / tileSize);
  }

  /** A new viewer's tiles: it has seen nothing. */
  addViewer(): Tiles {
    const tiles = new Tiles(this.columns, this.rows);
    this.viewers.add(tiles);
    return tiles;
  }

  removeViewer(tiles: Tiles): void {
    this.viewers.delete(tiles);
  }

  /** Changes the pixels of a rectangle, as far as it lies in the picture. */
  draw(area: Area, color: (x: number, y: number, before: Color) => Color): void {
    const { left, top, right, bottom } = clip(area, this);
    if (left >= right || top >= bottom) return;
    for (let y = top; y < bottom; ++y) {
      for (let x = left, at = y * this.width + left; x < right; ++x, ++at) {
        this.pixels[at] = color(x, y, this.pixels[at] ?? 0);
      }
    }
    for (const tiles of this.viewers) tiles.mark({ left, top, right, bottom });
  }
}

/** A rectangle; right and bottom are outside of it. */
export interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function clip(area: Area, within: { width: number; height: number }): Area {
  return {
    left: Math.max(0, Math.floor(area.left)),
    top: Math.max(0, Math.floor(area.top)),
    right: Math.min(within.width, Math.ceil(area.right)),
    bottom: Math.min(within.height, Math.ceil(area.bottom)),
  };
}

/** The tiles that one viewer has not seen. */
export class Tiles {
  private readonly unseen: Uint8Array;

  constructor(
    private readonly columns: number,
    private readonly rows: number,
  ) {
    this.unseen = new Uint8Array(columns * rows).fill(1);
  }

  /** Marks all tiles that a rectangle touches. */
  mark(area: Area): void {
    const right = Math.min(this.columns, Math.ceil(area.right / tileSize));
    const bottom = Math.min(this.rows, Math.ceil(area.bottom / tileSize));
    for (let row = Math.floor(area.top / tileSize); row < bottom; ++row) {
      const first = row * this.columns;
      this.unseen.fill(1, first + Math.floor(area.left / tileSize), first + right);
    }
  }

  /** Takes what is unseen, as rectangles that are one tile high. Afterwards nothing is unseen. */
  take(): Area[] {
    const areas: Area[] = [];
    for (let row = 0; row < this.rows; ++row) {
      for (let column = 0; column < this.columns; ++column) {
        const start = column;
        while (column < this.columns && this.unseen[row * this.columns + column] === 1) ++column;
        if (column === start) continue;
        areas.push({
          left: start * tileSize,
          top: row * tileSize,
          right: column * tileSize,
          bottom: (row + 1) * tileSize,
        });
      }
    }
    this.unseen.fill(0);
    return areas;
  }
}
