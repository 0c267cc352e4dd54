/** All that is measured. */
import type { Figure } from '../figure';
import { BUS_FIGURES } from './bus';
import { CONTROL_FIGURES } from './control';
import { FETCH_FIGURES } from './fetch';
import { FOOTPRINT_FIGURES } from './footprint';

export const FIGURES: readonly Figure[] = [
  ...FETCH_FIGURES,
  ...BUS_FIGURES,
  ...CONTROL_FIGURES,
  ...FOOTPRINT_FIGURES,
];
