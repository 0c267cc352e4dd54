/**
 * A frame as a PNG file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { type PictureSize, toRgba } from './picture';

/** Few filters and a fast deflate: the file is larger, and a slow machine is not kept waiting. */
const ENCODING = { colorType: 2, deflateLevel: 3, filterType: 0 } as const;

/** Writes a frame, reads the file back, and answers whether it decodes to that very frame. */
export function writeSnapshot(path: string, size: PictureSize, pixels: Uint32Array): boolean {
  const rgba = toRgba(pixels);
  const png = new PNG({ width: size.width, height: size.height });
  png.data.set(rgba);
  writeFileSync(path, PNG.sync.write(png, ENCODING));
  const decoded = PNG.sync.read(readFileSync(path));
  return (
    decoded.width === size.width && decoded.height === size.height && decoded.data.equals(rgba)
  );
}
