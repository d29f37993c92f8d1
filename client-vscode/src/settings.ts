/**
 * What the user set, without what is empty: an empty setting means "not set here" and must not hide the server's own.
 *
 * `server` is left out; it says how to start the server, which has started.
 */
export function settingsForServer(section: unknown): unknown {
  if (!isPlain(section)) {
    return section;
  }
  const { server: _, ...rest } = section;
  return withoutEmpty(rest) ?? {};
}

function withoutEmpty(value: unknown): unknown {
  if (value === "" || value === null || value === undefined) {
    return undefined;
  }
  if (!isPlain(value)) {
    return value;
  }
  const kept = Object.entries(value)
    .map(([key, each]) => [key, withoutEmpty(each)] as const)
    .filter(([, each]) => each !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
