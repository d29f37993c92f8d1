import { expect, test } from "vitest";
import { parseKeys } from "../src/keys";
import { type Lens, lensAt } from "../src/lenses";
import { meterBackground } from "../src/meter";
import { actionsFor, actionTitle, type RunRow, rewindItems, runsFor } from "../src/runs";
import { settingsForServer } from "../src/settings";

function lens(line: number, command: string, title = command): Lens {
  return { range: { start: { line } }, command: { command, title, arguments: [{ uri: "file:///t", line, title }] } };
}

const LENSES = [
  lens(2, "bursar.runTask"),
  lens(6, "bursar.openReport", "$0.058 · 6 requests"),
  lens(9, "bursar.resumeRun"),
  lens(9, "bursar.stopRun"),
  lens(9, "other.extension"),
  lens(12, "other.extension"),
  lens(14, "", "finished"),
];

test.each([
  [2, "bursar.runTask", 2],
  [5, "bursar.runTask", 2],
  [9, "bursar.resumeRun", 9],
  [13, "bursar.resumeRun", 9],
])("the lens for the cursor on line %i is %s of line %i", (cursor, command, line) => {
  const chosen = lensAt(LENSES, cursor);
  expect(chosen).toMatchObject({ ok: true, command, args: [{ line }] });
});

test("a finished task at the cursor is said to be so, and no task further up is started", () => {
  expect(lensAt(LENSES, 7)).toMatchObject({ ok: false, problem: expect.stringContaining("$0.058 · 6 requests") });
  expect(lensAt(LENSES, 20)).toMatchObject({ ok: false, problem: expect.stringContaining("finished") });
});

test("above the first task, and in a file without lenses, there is nothing to run", () => {
  expect(lensAt(LENSES, 1)).toMatchObject({ ok: false, problem: expect.stringContaining("no task") });
  expect(lensAt([lens(1, "other.extension")], 3)).toMatchObject({ ok: false });
});

test("settings that are empty are not sent, so that they hide nothing", () => {
  const section = {
    server: { command: ["bursar"] },
    model: "",
    providers: {},
    budget: { run: "", day: "7usd" },
    diagnostics: { requestCost: false },
  };
  expect(settingsForServer(section)).toEqual({ budget: { day: "7usd" }, diagnostics: { requestCost: false } });
  expect(settingsForServer({ server: {}, budget: { run: "", day: "" } })).toEqual({});
  expect(settingsForServer({ diagnostics: { "ears-form": "default", "verbose-text": "off" } })).toEqual({
    diagnostics: { "verbose-text": "off" },
  });
  expect(settingsForServer({ model: "a/b", undeclared: "x", budget: { other: "1usd" } })).toEqual({ model: "a/b" });
  expect(settingsForServer(null)).toBe(null);
});

test("the meter's level decides its colour", () => {
  const colours = (["off", "ok", "notice", "warning", "critical", "over"] as const).map(meterBackground);
  expect(colours).toEqual([
    undefined,
    undefined,
    undefined,
    "statusBarItem.warningBackground",
    "statusBarItem.errorBackground",
    "statusBarItem.errorBackground",
  ]);
});

test("a run that stands still is rewound to before one of its steps, the newest first; one that goes on is not", () => {
  const step = (key: string, cost_usd: string | null) => ({ key, kind: "model", title: `T ${key}`, at: "", cost_usd });
  const row = { run: "r", state: "paused", steps: [step("m1", "0.01"), step("t1.0", null)] } as unknown as RunRow;
  expect(rewindItems(row)).toEqual([
    { label: "2. T t1.0", description: "", step: "t1.0" },
    { label: "1. T m1", description: "$0.01", step: "m1" },
  ]);
  expect(rewindItems({ ...row, state: "running" })).toEqual([]);
});

test("only a run that goes on can be paused, only one that waits can be resumed, none that ended can be stopped", () => {
  const states = ["running", "paused", "in_doubt", "finished", "failed"] as const;
  const rows = states.map((state) => ({ run: state, state }) as RunRow);
  const names = (runs: readonly RunRow[]) => runs.map((each) => each.run);
  expect(names(runsFor("bursar.pauseRun", rows))).toEqual(["running"]);
  expect(names(runsFor("bursar.resumeRun", rows))).toEqual(["paused", "in_doubt"]);
  expect(names(runsFor("bursar.stopRun", rows))).toEqual(["running", "paused", "in_doubt"]);
  expect(actionsFor({ state: "failed", reason: null })).toEqual([]);
});

test("only a run that waits for its check can be accepted", () => {
  const reasons = ["check", "budget", null];
  const rows = reasons.map((reason) => ({ run: `${reason}`, state: "paused", reason }) as RunRow);
  const over = { run: "over", state: "failed", reason: "check" } as RunRow;
  expect(runsFor("bursar.acceptRun", [...rows, over]).map((each) => each.run)).toEqual(["check"]);
  expect(actionsFor({ state: "paused", reason: "check" }).map(actionTitle)).toEqual([
    "Resume",
    "Accept as Done",
    "Stop",
  ]);
});

test.each([
  [undefined, {}],
  ["not json", {}],
  ["[1]", {}],
  ['{"anthropic": "k", "openai": 3, "house": ""}', { anthropic: "k" }],
])("stored keys %j are %j", (text, keys) => {
  expect(parseKeys(text)).toEqual(keys);
});
