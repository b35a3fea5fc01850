// What an ELF file says about itself, read by its headers alone (elf(5), System V gABI).
import { ElfError, ElfFile, type View } from './elf-file.js';

export interface Elf {
  class: 32 | 64;
  /** e_machine; machineName() puts it in words. */
  machine: number;
  /** The dynamic loader (PT_INTERP); absent in static programs and in libraries. */
  interpreter?: string;
  /** Names of the sections; empty when the section headers were stripped. */
  sections: readonly string[];
}

/** Reads the headers of an ELF file. Throws an ElfError when they make no sense. */
export function readElf(path: string): Elf {
  return ElfFile.with(path, (file) => {
    const { machine, segments, sections } = readHeaders(file);
    const interpreter = segments.find((segment) => segment.type === PT_INTERP);
    const elf = {
      class: file.is64 ? (64 as const) : (32 as const),
      machine,
      sections: sections.map((section) => section.name),
    };
    if (interpreter === undefined) return elf;
    return { ...elf, interpreter: file.read(interpreter.offset, interpreter.size).string(0) };
  });
}

/** What a shared library needs (DT_NEEDED) and the functions that it defines (.dynsym). */
export interface Library {
  needed: readonly string[];
  functions: readonly string[];
}

/**
 * The libraries that a program needs. None where its section headers do not tell, which no program
 * needs in order to run.
 */
export function readNeeded(path: string): string[] {
  try {
    return ElfFile.with(path, (file) => neededBy(file, readHeaders(file).sections));
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** Reads the dynamic section and symbols of a library. Throws an ElfError as readElf() does. */
export function readLibrary(path: string): Library {
  return ElfFile.with(path, (file) => {
    const { sections } = readHeaders(file);
    const needed = neededBy(file, sections);
    const functions = entries(file, sections, SHT_DYNSYM, file.is64 ? 24 : 16)
      .filter(({ entry }) => {
        const isFunction = (entry.u8(file.is64 ? 4 : 12) & 0xf) === STT_FUNC;
        return isFunction && entry.u16(file.is64 ? 6 : 14) !== SHN_UNDEF;
      })
      .map(({ entry, strings }) => strings.string(entry.u32(0)));
    return { needed, functions };
  });
}

/** The common name of an e_machine value. */
export function machineName(machine: number): string {
  return machineNames.get(machine) ?? `machine ${machine}`;
}

const machineNames = new Map([
  [3, 'i386'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC64'],
  [22, 's390x'],
  [40, 'ARM'],
  [62, 'x86-64'],
  [183, 'AArch64'],
  [243, 'RISC-V'],
  [258, 'LoongArch'],
]);

// p_type, sh_type, d_tag, st_info and st_shndx values.
const PT_INTERP = 3;
const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const DT_NEEDED = 1;
const STT_FUNC = 2;
const SHN_UNDEF = 0;

interface Segment {
  type: number;
  offset: number;
  size: number;
}

interface Section extends Segment {
  name: string;
  /** Index of the section that holds this one's strings. */
  link: number;
}

interface Headers {
  machine: number;
  segments: readonly Segment[];
  sections: readonly Section[];
}

function readHeaders(file: ElfFile): Headers {
  const word = file.wordSize;
  const header = file.read(0, 40 + 3 * word);
  const table = (offset: number, entrySize: number, count: number): View[] => {
    const view = file.read(offset, entrySize * count);
    return Array.from({ length: count }, (_, i) => view.slice(i * entrySize, entrySize));
  };

  const sizes = 28 + 3 * word;
  const segments = table(header.word(24 + word), header.u16(sizes + 2), header.u16(sizes + 4)).map(
    (entry) => ({
      type: entry.u32(0),
      offset: entry.word(file.is64 ? 8 : 4),
      size: entry.word(file.is64 ? 32 : 16),
    }),
  );
  const unnamed = table(
    header.word(24 + 2 * word),
    header.u16(sizes + 6),
    header.u16(sizes + 8),
  ).map((entry) => ({
    nameAt: entry.u32(0),
    type: entry.u32(4),
    offset: entry.word(8 + 2 * word),
    size: entry.word(8 + 3 * word),
    link: entry.u32(8 + 4 * word),
  }));
  const strings = unnamed[header.u16(sizes + 10)];
  const names = strings === undefined ? undefined : file.read(strings.offset, strings.size);
  const sections = unnamed.map(({ nameAt, ...section }) => ({
    ...section,
    name: names?.string(nameAt) ?? '',
  }));
  return { machine: header.u16(18), segments, sections };
}

function neededBy(file: ElfFile, sections: readonly Section[]): string[] {
  const word = file.wordSize;
  return entries(file, sections, SHT_DYNAMIC, 2 * word)
    .filter(({ entry }) => entry.word(0) === DT_NEEDED)
    .map(({ entry, strings }) => strings.string(entry.word(word)));
}

// The fixed-size entries of the sections of one type, each with the string table that it refers to.
function entries(
  file: ElfFile,
  sections: readonly Section[],
  type: number,
  entrySize: number,
): { entry: View; strings: View }[] {
  return sections
    .filter((section) => section.type === type)
    .flatMap((section) => {
      const table = file.read(section.offset, section.size);
      const link = sections[section.link];
      const strings = link === undefined ? file.read(0, 0) : file.read(link.offset, link.size);
      const count = Math.floor(section.size / entrySize);
      return Array.from({ length: count }, (_, i) => ({
        entry: table.slice(i * entrySize, entrySize),
        strings,
      }));
    });
}
