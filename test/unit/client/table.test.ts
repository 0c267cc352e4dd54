import { renderFields, renderTable } from '../../../client/cli/table';

describe('a table', () => {
  test('has columns as wide as their widest cell, and nothing at the ends of lines', () => {
    const lines = renderTable(
      [{ heading: 'ID', align: 'right' }, { heading: 'NAME' }, { heading: 'X' }],
      [
        ['7', 'camera', ''],
        ['1234', 'a', 'y'],
      ],
    );
    expect(lines).toEqual(['  ID  NAME    X', '   7  camera', '1234  a       y']);
  });

  test('shows control characters instead of sending them to the terminal', () => {
    const [, line] = renderTable([{ heading: 'LABEL' }], [['\u001b[31mred\u202e\n']]);
    expect(line).toBe('\\u{1b}[31mred\\u{202e}\\u{a}');
  });

  test('of fields has its values in one column', () => {
    const lines = renderFields([
      ['id', '7'],
      ['label', 'x'],
    ]);
    expect(lines).toEqual(['id:    7', 'label: x']);
  });
});
