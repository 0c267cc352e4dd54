import { countDmaBufs } from '../bufinfo';

it('after all clients and daemons are gone, the kernel has no dma-buf left', () => {
  expect(countDmaBufs()).toBe(0);
});
