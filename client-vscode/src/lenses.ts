/** As much of a code lens as choosing one needs. */
export interface Lens {
  readonly range: { readonly start: { readonly line: number } };
  readonly command?: { readonly command: string; readonly title: string; readonly arguments?: unknown[] } | undefined;
}

/** The lens to press for "run the task here", or one sentence that says why there is none. */
export type Chosen =
  | { readonly ok: true; readonly command: string; readonly args: readonly unknown[] }
  | { readonly ok: false; readonly problem: string };

const STARTS: readonly string[] = ["bursar.runTask", "bursar.resumeRun"];

/**
 * Run or Resume on the nearest line at or above the cursor that has a lens of ours.
 *
 * A nearest line that offers neither (its task is done, say) is an answer too: going further up would start another
 * task than the one at the cursor, and spend money on it.
 */
export function lensAt(lenses: readonly Lens[], line: number): Chosen {
  const ours = lenses.filter((each) => each.command?.command === "" || each.command?.command.startsWith("bursar."));
  const above = ours.filter((each) => each.range.start.line <= line);
  if (above.length === 0) {
    return { ok: false, problem: "There is no task at the cursor: put it on a task of a tasks.md." };
  }
  const nearest = Math.max(...above.map((each) => each.range.start.line));
  const there = above.filter((each) => each.range.start.line === nearest);
  for (const start of STARTS) {
    const found = there.find((each) => each.command?.command === start)?.command;
    if (found) {
      return { ok: true, command: found.command, args: found.arguments ?? [] };
    }
  }
  const says = there.map((each) => each.command?.title).join(", ");
  return { ok: false, problem: `The task at the cursor cannot be run now: ${says}` };
}
