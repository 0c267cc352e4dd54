/** `dmabufd --check-policy FILE`: whether the daemon would take it, without starting one. */
import { BUILT_IN } from '../domain/built-in-policy';
import { loadPolicy } from './load-policy';
import { PolicyFileError } from './problems';

/** Tells what it found; resolves to whether the file can be taken. */
export async function checkPolicy(path: string, daemonUid: number): Promise<boolean> {
  try {
    const {
      policy: { rules },
    } = await loadPolicy({ path, isRequired: true }, daemonUid);
    const ofFile = rules.filter(({ source }) => source !== BUILT_IN).length - 1;
    process.stdout.write(
      `${path}: ok, ${ofFile} ${ofFile === 1 ? 'rule' : 'rules'} and a default\n`,
    );
    return true;
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}
