/** A dma-buf's name, which the kernel shows to people in fdinfo and debugfs. */
import type { Fd, NativeAddon } from '../../native';
import { isSystemError } from '../system-error';

/** Names a dma-buf. A kernel that cannot (ENOTTY, before Linux 5.3) leaves it nameless. */
export function nameDmaBuf(addon: NativeAddon, fd: Fd, label: string): void {
  if (label === '') return;
  try {
    addon.setDmaBufName(fd, label);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'ENOTTY') {
      fd.close();
      throw error;
    }
  }
}
