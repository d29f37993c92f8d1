/** What can be done with a part of a run's window, as the server's commands name it. */
export type PartAction = "pin" | "unpin" | "drop" | "recall";

/** One part of the window; `label` and `description` are ready to show, `item` is the handle of the commands. */
export interface PartRow {
  readonly item: string;
  readonly label: string;
  readonly description: string;
  readonly actions: readonly PartAction[];
}

/** What is pinned in the workspace for runs that begin later; `message` is ready to show. */
export interface PinRow {
  readonly item: string;
  readonly message: string;
  readonly uri: string;
  readonly lines: readonly [number, number] | null;
}

/** The answer of `bursar/context`; `summary` is ready to show. */
export interface ContextWindow {
  readonly run: string | null;
  readonly summary: string;
  readonly parts: readonly PartRow[];
  readonly pins: readonly PinRow[];
}

/** A row of the list: a part of the window, or a pin. */
export type ContextItem = { readonly label: string; readonly description: string; readonly detail?: string } & (
  | { readonly part: PartRow }
  | { readonly pin: PinRow }
);

const TITLES: Readonly<Record<PartAction, string>> = {
  pin: "Keep It Whatever Is Trimmed",
  unpin: "Let It Be Trimmed Again",
  drop: "Leave It Out",
  recall: "Put It Back in Full",
};

/** The parts of the window in the order of the prompt, then the pins. */
export function contextItems(shown: ContextWindow): readonly ContextItem[] {
  return [
    ...shown.parts.map((part) => ({ label: part.label, description: part.description, detail: part.item, part })),
    ...shown.pins.map((pin) => ({ label: pin.item, description: pin.message, pin })),
  ];
}

/** What can be done with a part: the title, and the server's command with its argument. */
export function partChoices(
  part: PartRow,
  run: string | null,
): readonly { label: string; command: string; argument: { item: string; run?: string } }[] {
  return part.actions.map((action) => ({
    label: TITLES[action],
    command: `bursar.${action}`,
    argument: { item: part.item, ...(run === null ? {} : { run }) },
  }));
}
