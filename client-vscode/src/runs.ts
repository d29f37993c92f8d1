/** One step of a run; `title` is ready to show. */
export interface StepRow {
  readonly key: string;
  readonly kind: "model" | "edit" | "command" | "look" | "tick";
  readonly title: string;
  readonly at: string;
  readonly cost_usd: string | null;
}

/** One row of `bursar/runs`; `label` is ready to show. */
export interface RunRow {
  readonly run: string;
  readonly spec: string;
  readonly task: string;
  readonly title: string;
  readonly state: "running" | "paused" | "in_doubt" | "finished" | "failed";
  readonly reason: string | null;
  readonly detail?: string | null;
  readonly steps_done: number;
  readonly cost_usd: string;
  readonly label: string;
  readonly steps: readonly StepRow[];
}

/** What a user can do to a run, as the server's commands. */
export type RunAction = "bursar.pauseRun" | "bursar.resumeRun" | "bursar.acceptRun" | "bursar.stopRun";

const TITLES: Readonly<Record<RunAction, string>> = {
  "bursar.pauseRun": "Pause",
  "bursar.resumeRun": "Resume",
  "bursar.acceptRun": "Accept as Done",
  "bursar.stopRun": "Stop",
};

/** The title of an action. */
export function actionTitle(action: RunAction): string {
  return TITLES[action];
}

/** What can be done to a run where it stands; nothing to one that has ended. */
export function actionsFor({ state, reason }: Pick<RunRow, "state" | "reason">): readonly RunAction[] {
  switch (state) {
    case "running":
      return ["bursar.pauseRun", "bursar.stopRun"];
    case "paused":
      // One that waits for its task's check may be taken as done on the user's word.
      return reason === "check"
        ? ["bursar.resumeRun", "bursar.acceptRun", "bursar.stopRun"]
        : ["bursar.resumeRun", "bursar.stopRun"];
    case "in_doubt":
      return ["bursar.resumeRun", "bursar.stopRun"];
    default:
      return [];
  }
}

/** The steps that a run can be rewound to before, the newest first; none while it runs. */
export function rewindItems(run: RunRow): readonly { label: string; description: string; step: string }[] {
  if (run.state === "running") {
    return [];
  }
  const items = run.steps.map((each, index) => ({
    label: `${index + 1}. ${each.title}`,
    description: each.cost_usd === null ? "" : `$${each.cost_usd}`,
    step: each.key,
  }));
  return items.reverse();
}

/** The runs that an action applies to. */
export function runsFor(action: RunAction, runs: readonly RunRow[]): readonly RunRow[] {
  return runs.filter((each) => actionsFor(each).includes(action));
}
