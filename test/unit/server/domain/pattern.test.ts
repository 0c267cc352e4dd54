import * as fc from 'fast-check';
import { Pattern } from '../../../../server/domain/pattern';

const matches = (pattern: string, text: string) => new Pattern(pattern).matches(text);

describe('a pattern', () => {
  test.each([
    ['camera0/preview', 'camera0/preview', true],
    ['camera0/preview', 'camera0/preview2', false],
    ['camera0/*', 'camera0/preview', true],
    ['camera0/*', 'camera0/', true],
    ['camera0/*', 'camera0/left/preview', false],
    ['camera0/**', 'camera0/left/preview', true],
    ['*/preview', 'camera0/preview', true],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['**', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a*b', 'ab', true],
    ['a*b', 'axxb', true],
    ['a*b', 'axxbc', false],
    ['a.c', 'abc', false],
    ['[a]', 'a', false],
    ['(a|b)', 'a', false],
    ['/system.slice/**/app.service', '/system.slice/a/b/app.service', true],
    ['a**b**c', 'a/x/b/y/c', true],
  ])('%j and %j: %j', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  test('without a wildcard matches itself and nothing else', () => {
    const literal = fc.string({ unit: 'binary' }).filter((text) => !text.includes('*'));
    void fc.assert(
      fc.property(literal, literal, (pattern, text) => {
        expect(matches(pattern, text)).toBe(pattern === text);
      }),
    );
  });

  test('agrees with the regular expression that it stands for', () => {
    const part = fc.constantFrom('a', 'b', '/', '*', '**');
    const character = fc.constantFrom('a', 'b', '/');
    void fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(character), (parts, characters) => {
        const source = parts
          .join('')
          .replace(/\*\*|\*/g, (star) => (star === '*' ? '[^/]*' : '.*'));
        const text = characters.join('');
        expect(matches(parts.join(''), text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no longer for a text that was made to take long', () => {
    const pattern = new Pattern(`${'**a'.repeat(20)}b`);
    expect(pattern.matches('a'.repeat(4096))).toBe(false);
  });
});
