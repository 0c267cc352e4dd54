import fc from 'fast-check';
import { parseFdinfo } from '../../../../server/heaps/fdinfo';

/** As the kernel writes it (drivers/dma-buf/dma-buf.c): the name as it is, and last. */
function fdinfo(exporter: string, name: string): string {
  const fields = [
    'pos:\t0',
    'flags:\t02000002',
    'mnt_id:\t15',
    'ino:\t42',
    'size:\t4096',
    'count:\t1',
  ];
  return [...fields, `exp_name:\t${exporter}`, `name:\t${name}`, ''].join('\n');
}

describe('the fdinfo of a dma-buf', () => {
  test('tells its exporter and its name', () => {
    const entries = parseFdinfo(fdinfo('system', 'camera0: front'));
    expect(entries.get('exp_name')).toBe('system');
    expect(entries.get('name')).toBe('camera0: front');
  });

  test('tells no exporter that a client wrote into the name', () => {
    const line = fc.oneof(
      fc.constantFrom('exp_name:\tforged', 'size:\t1', 'name:\tforged', '\r', ''),
      fc.string(),
    );
    const name = fc.array(line).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(name, (hostile) => {
        const entries = parseFdinfo(fdinfo('system', hostile));
        expect(entries.get('exp_name')).toBe('system');
        expect(entries.get('size')).toBe('4096');
        expect(entries.get('name')).toBe(hostile.split('\n')[0]?.trim());
      }),
    );
  });
});
