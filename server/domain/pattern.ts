/**
 * A pattern of a policy: `*` stands for any characters but '/', `**` for any at all, everything else for itself. It
 * matches the whole text or nothing of it. All ways to match are followed at once, one character at a time, so that no
 * text that a client chooses (a name, a cgroup) can make it take long.
 */
export class Pattern {
  private readonly tokens: readonly string[];

  constructor(readonly text: string) {
    this.tokens = text.match(/\*\*|./gsu) ?? [];
  }

  matches(text: string): boolean {
    let places = this.withoutWildcards(new Set([0]));
    for (const character of text) {
      const next = new Set<number>();
      for (const place of places) {
        const token = this.tokens[place];
        if (token === '**' || (token === '*' && character !== '/')) next.add(place);
        else if (token === character && token !== '*') next.add(place + 1);
      }
      places = this.withoutWildcards(next);
    }
    return places.has(this.tokens.length);
  }

  /** The places themselves, and those behind wildcards that stand there, which may stand for nothing. */
  private withoutWildcards(places: Set<number>): Set<number> {
    for (const place of places) {
      const token = this.tokens[place];
      // Found by this very loop: a Set goes on to what is added while it is walked.
      if (token === '*' || token === '**') places.add(place + 1);
    }
    return places;
  }
}

export function matchesAny(patterns: readonly Pattern[], text: string): boolean {
  return patterns.some((pattern) => pattern.matches(text));
}
