import * as fc from 'fast-check';
import { DomainError } from '../../../../server/domain/errors';
import { type Charge, FAIR_SHARES, forEachResource, Quota } from '../../../../server/domain/quota';
import { outcome, refusal } from './fakes';

const AVAILABLE = 1_000;
const quota = () => new Quota(forEachResource(() => AVAILABLE));
const fair = (account: string) => ({ account, limits: FAIR_SHARES });
const limited = (account: string, bytes: number) => ({
  account,
  limits: { ...FAIR_SHARES, bytes },
});

describe('a quota', () => {
  test('lets one account alone have half, the second a third of what is left, and so on', () => {
    const shared = quota();
    const shares = ['a', 'b', 'c', 'd'].map((account) => {
      const bytes = shared.limitOf(fair(account), 'bytes');
      shared.reserve(fair(account), { bytes });
      return bytes;
    });
    expect(shares).toEqual([500, 166, 83, 50]);
  });

  test('is not eaten up by any number of accounts: a newcomer always finds something', () => {
    const wants = fc.array(fc.record({ account: fc.nat(20), bytes: fc.nat(600) }), {
      maxLength: 100,
    });
    void fc.assert(
      fc.property(wants, (list) => {
        const shared = new Quota(forEachResource(() => 1_000_000));
        for (const { account, bytes } of list) {
          try {
            shared.reserve(fair(`uid ${account}`), { bytes: bytes * 1000 });
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError);
          }
        }
        expect(shared.limitOf(fair('newcomer'), 'bytes')).toBeGreaterThan(1000);
      }),
    );
  });

  test('holds an account to the limit that the policy names, also where its fair share is more', async () => {
    const shared = quota();
    shared.reserve(limited('a', 100), { bytes: 100 });
    expect(await refusal(() => shared.reserve(limited('a', 100), { bytes: 1 }))).toBe(
      "resource-exhausted: bytes: a holds 100 of at most 100, 1 more do not fit: release some, or have the policy or the daemon's limits changed",
    );
  });

  test('gives a named limit as far as there is something, and says when there is not', async () => {
    const shared = quota();
    shared.reserve(limited('a', 900), { bytes: 900 });
    expect(await refusal(() => shared.reserve(limited('b', 900), { bytes: 200 }))).toContain(
      'the daemon holds 900 of at most 1000, 200 more do not fit',
    );
  });

  test('books nothing of a request of which one part does not fit', async () => {
    const shared = quota();
    const asked = { bytes: 10, buffers: 501 };
    expect(await outcome(() => shared.reserve(fair('a'), asked))).toBe('resource-exhausted');
    expect(shared.held('bytes')).toBe(0);
  });

  test('refunds once, however often it is told to', () => {
    const shared = quota();
    const charge = shared.reserve(fair('a'), { bytes: 10, buffers: 1 });
    charge.refund();
    charge.refund();
    expect(shared.held('bytes')).toBe(0);
  });

  test('holds in all what its accounts hold, and never less than nothing, whatever happens', () => {
    const step = fc.record({
      do: fc.constantFrom('reserve', 'settle', 'refund'),
      account: fc.constantFrom('a', 'b', 'c'),
      bytes: fc.nat(300),
      which: fc.nat(9),
    });
    void fc.assert(
      fc.property(fc.array(step), (steps) => {
        const shared = quota();
        const charges: Charge[] = [];
        for (const { do: action, account, bytes, which } of steps) {
          const charge = charges[which % Math.max(charges.length, 1)];
          try {
            if (action === 'reserve') charges.push(shared.reserve(fair(account), { bytes }));
            else if (action === 'settle' && charge !== undefined) charge.settle(bytes);
            else charge?.refund();
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError);
          }
          if (action === 'refund' && charge !== undefined)
            charges.splice(charges.indexOf(charge), 1);
          const held = ['a', 'b', 'c'].map((name) => shared.heldOf(name, 'bytes'));
          for (const one of held) expect(one).toBeGreaterThanOrEqual(0);
          expect(held.reduce((sum, one) => sum + one, 0)).toBe(shared.held('bytes'));
          expect(charges.reduce((sum, one) => sum + one.bytes, 0)).toBe(shared.held('bytes'));
          expect(shared.held('bytes')).toBeLessThanOrEqual(AVAILABLE);
        }
      }),
    );
  });
});
