/**
 * Whether a change has made anything much worse: figures that have a limit, a few rounds of each. They are ratios to a baseline in the
 * same run, so that a slow or busy machine slows both.
 */
import { measure } from './figure';
import { FIGURES } from './figures/all';
import { Installation } from './installation';
import { TemporaryDirectory } from './processes';
import { formatRatio } from './report/markdown';
import { judge, type Verdict } from './report/verdict';

const ROUNDS = 3;

export async function guard(say: (message: string) => void): Promise<Verdict[]> {
  using directory = new TemporaryDirectory();
  const installation = await Installation.make(directory);
  const verdicts: Verdict[] = [];
  for (const figure of FIGURES) {
    if (figure.limit === undefined) continue;
    const verdict = judge(await measure(figure, installation, ROUNDS));
    const beyond = verdict.isWithinLimit ? '' : ', which is beyond it';
    say(`${figure.name}: ${formatRatio(verdict)}, the limit is ${figure.limit}x${beyond}`);
    verdicts.push(verdict);
  }
  return verdicts;
}
