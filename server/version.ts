/** The version of this package, from its package.json, wherever it is installed. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function readVersion(directory = __dirname): string {
  for (let at = directory; ; at = dirname(at)) {
    const version = versionIn(join(at, 'package.json'));
    if (version !== null) return version;
    if (at === dirname(at)) return 'unknown';
  }
}

function versionIn(path: string): string | null {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const isOurs = typeof manifest === 'object' && manifest !== null && 'name' in manifest;
    if (!isOurs || manifest.name !== 'dmabufd' || !('version' in manifest)) return null;
    return String(manifest.version);
  } catch {
    return null;
  }
}
