/** Becomes a user and connects to whatever daemon the SDK finds for him. Tells the code of its error, or OK. */
import { connect, DmabufdError } from '../../../../client';

/** What the test tells. */
export interface Seeker {
  readonly uid: number;
  readonly runtimeDirectory: string;
}

async function find({ uid, runtimeDirectory }: Seeker): Promise<string> {
  // What is loaded late is loaded now.
  await (await connect({ runtimeDirectory })).close();
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
  try {
    await (await connect()).close();
    return 'OK';
  } catch (error) {
    return error instanceof DmabufdError ? `${error.code}: ${error.message}` : String(error);
  }
}

process.once('message', (seeker: Seeker) => {
  void find(seeker).then((found) => {
    process.send?.(found);
    process.disconnect?.();
  });
});
