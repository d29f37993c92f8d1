/** The environment of a process, as Node has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment for the server: the given one without any key that the editor stores.
 *
 * A stored key goes to the server over a pipe. The variable of its provider is taken out too, whatever it holds, so
 * that a stale key in a shell never stands beside the one that the user stored.
 */
export function serverEnvironment(
  environment: Environment,
  keys: Readonly<Record<string, string>>,
  providers: unknown,
) {
  const hidden = new Set(Object.keys(keys).flatMap((name) => variablesOf(name, providers)));
  const values = new Set(Object.values(keys));
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value]) => value !== undefined && !hidden.has(name) && !values.has(value),
    ),
  );
}

function variablesOf(provider: string, providers: unknown): string[] {
  const usual = `${provider.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_API_KEY`;
  const entry = isRecord(providers) ? providers[provider] : undefined;
  const named = isRecord(entry) ? entry.key_env : undefined;
  return typeof named === "string" ? [usual, named] : [usual];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
