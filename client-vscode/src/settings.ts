/**
 * The settings that the server is told, below `bursar.`; each is declared in the manifest, which says who may set it.
 *
 * A key that is not declared has no scope: a workspace could set it.
 */
export const FORWARDED = [
  "model",
  "providers",
  "routes",
  "route",
  "roles",
  "local_only",
  "prices",
  "test_command",
  "budget.run",
  "budget.day",
  "budget.request",
  "budget.task",
  "budget.session",
  "budget.workspace",
  "budget.keep-warm",
  "budget.week",
  "budget.month",
  "diagnostics.requestCost",
  "diagnostics.forecast",
  "diagnostics.dearest-section",
  "diagnostics.verbose-text",
  "diagnostics.duplicated-text",
  "diagnostics.pasted-file",
  "diagnostics.volatile-prefix",
  "diagnostics.missing-reference",
  "diagnostics.uncovered-requirement",
  "diagnostics.task-without-requirement",
  "diagnostics.ears-form",
  "diagnostics.contradictory-limits",
  "diagnostics.hidden-characters",
  "diagnostics.secret-in-prompt",
  "hints.min_tokens",
  "files.include",
  "files.exclude",
  "context.trim",
  "context.compact",
  "context.repository_map",
  "context.keep_warm",
] as const;

/**
 * What the user set, without what is empty: an empty setting means "not set here" and must not hide the server's own.
 *
 * `server` is left out; it says how to start the server, which has started.
 */
export function settingsForServer(section: unknown): unknown {
  if (!isPlain(section)) {
    return section;
  }
  const told: Record<string, unknown> = {};
  for (const name of FORWARDED) {
    const [first = "", second] = name.split(".");
    const found = section[first];
    if (second === undefined) {
      told[first] = found;
    } else if (isPlain(found)) {
      told[first] = { ...(told[first] as object | undefined), [second]: found[second] };
    }
  }
  return withoutEmpty(told) ?? {};
}

function withoutEmpty(value: unknown): unknown {
  // The level "default" of a diagnostic is the server's own business, too.
  if (value === "" || value === "default" || value === null || value === undefined) {
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
