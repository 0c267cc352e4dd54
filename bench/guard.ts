/**
 * Whether a change has made anything much worse: figures that have a limit, a few rounds of each. They are ratios to a baseline in the
 * same run, so that a slow or busy machine slows both.
 */
import { measure } from './figure';
import { FIGURES } from './figures/all';
import { Installation } from './installation';
import { TemporaryDirectory } from './processes';
import { judge, type Verdict } from './report/verdict';

const ROUNDS = 3;

export async function guard(): Promise<Verdict[]> {
  using directory = new TemporaryDirectory();
  const installation = await Installation.make(directory);
  const verdicts: Verdict[] = [];
  for (const figure of FIGURES) {
    if (figure.limit === undefined) continue;
    verdicts.push(judge(await measure(figure, installation, ROUNDS)));
  }
  return verdicts;
}
