/** What the installed package takes on disk, by what it is for. */
import { lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The first that begins a file's path, below the root, is its part. */
const PARTS = [
  [
    'usr/lib/dmabufd/dist/server/program.cache',
    'the daemon: V8’s code cache, made at installation',
  ],
  ['usr/lib/dmabufd/dist/server/', 'the daemon'],
  ['usr/lib/dmabufd/dist/client/cli/program.cache', 'dmabufctl: V8’s code cache'],
  ['usr/lib/dmabufd/dist/client/cli/', 'dmabufctl'],
  ['usr/lib/dmabufd/dist/client/', 'the SDK'],
  ['usr/lib/dmabufd/native/', 'the addon'],
  ['usr/lib/dmabufd/proto/', 'the contract, for clients in other languages'],
  ['usr/share/', 'documents, man pages, licences'],
] as const;
const ELSE = 'units, rules, policy, header';

/** Bytes by part, in that order. */
export function sizesOnDisk(root: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>(
    [...PARTS.map(([, part]) => part), ELSE].map((part) => [part, 0]),
  );
  for (const path of filesBelow(root)) {
    const file = relative(root, path);
    const [, part] = PARTS.find(([prefix]) => file.startsWith(prefix)) ?? ['', ELSE];
    sizes.set(part, (sizes.get(part) ?? 0) + lstatSync(path).size);
  }
  return sizes;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
  });
}
