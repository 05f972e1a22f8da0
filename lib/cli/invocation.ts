/** What the user typed for one command, checked and readable by option name. */

/** Parsed values of one command or of the program's own options. */
export class Invocation {
  readonly #values: ReadonlyMap<string, readonly (string | number | true)[]>;

  /**
   * @param values By the first flag of the option (`--format`), in the order given.
   * @param positionals The arguments that are no options, in the order given.
   */
  constructor(
    values: ReadonlyMap<string, readonly (string | number | true)[]>,
    readonly positionals: readonly string[],
  ) {
    this.#values = values;
  }

  /** Whether the option was given at all. */
  has(flag: string): boolean {
    return this.#values.has(flag);
  }

  /** The option's text, the last one if it was repeated; null if not given. */
  text(flag: string): string | null {
    const value = this.#values.get(flag)?.at(-1);
    return typeof value === "string" ? value : null;
  }

  /** The option's number, the last one if it was repeated; null if not given. */
  number(flag: string): number | null {
    const value = this.#values.get(flag)?.at(-1);
    return typeof value === "number" ? value : null;
  }

  /** All texts of a repeatable option, in the order given. */
  texts(flag: string): readonly string[] {
    const values = this.#values.get(flag) ?? [];
    return values.filter((value) => typeof value === "string");
  }
}
