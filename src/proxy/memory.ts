// A relay's memory comes and goes with every read; what it costs to get it anew each time is told in
// native/addon/memory.cc.
import { loadAddon } from '../native.js';

// As much as the collector lets pile up before it looks for garbage, and as much again.
const enough = 64 * 1024 * 1024;

/** To be called once in each process that serves clients. */
export function prepareMemory(): void {
  loadAddon().keepFreedMemory(enough);
}
