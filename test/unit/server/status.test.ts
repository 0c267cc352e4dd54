import { DomainError } from '../../../server/domain/errors';
import { statusOf } from '../../../server/status';

describe('an error on its way to a client', () => {
  test('keeps its code and message if it is an answer', () => {
    const defects: unknown[] = [];
    const status = statusOf(new DomainError('not-found', 'no'), (defect) => defects.push(defect));
    expect(status).toEqual({ code: 5, message: 'no' });
    expect(defects).toEqual([]);
  });

  test('is a fixed text if it is a defect, and its detail goes elsewhere', () => {
    const defects: unknown[] = [];
    const defect = new Error('/secret/path');
    const { code, message } = statusOf(defect, (error) => defects.push(error));
    expect(code).toBe(13);
    expect(message).not.toContain('secret');
    expect(defects).toEqual([defect]);
  });

  test('quotes half a surrogate pair without breaking the encoding of the status', () => {
    const { message } = statusOf(new DomainError('not-found', 'name \ud800'), () => {});
    expect(() => encodeURI(message)).not.toThrow();
  });
});
