import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ContextWindow, contextItems, partChoices } from "../src/context";

/** The payload of the page that the server's tests hold against what is sent. */
const page = readFileSync(new URL("../../docs/lsp.md", import.meta.url), "utf8");
const documented: ContextWindow = JSON.parse(
  page.split("### `bursar/context`")[1]?.split("```json\n")[1]?.split("```")[0] ?? "",
);

test("a part and a pin of the documented payload are shown with the server's words", () => {
  const [part, pin] = contextItems(documented);
  expect(part).toMatchObject({
    label: "read_file parcel/__main__.py",
    description: expect.stringContaining("186 tokens"),
    detail: "t1.0",
  });
  expect(pin).toMatchObject({
    label: "pinned:parcel/rates.py#L3-L20",
    description: expect.stringContaining("goes into runs that begin from now on"),
  });
});

test("what can be done with a part is what the server says, with the run that was shown", () => {
  const part = documented.parts[0];
  if (part === undefined) {
    throw new Error("the page shows no part");
  }
  expect(partChoices(part, "run-0abc")).toEqual([
    { label: "Keep It Whatever Is Trimmed", command: "bursar.pin", argument: { item: "t1.0", run: "run-0abc" } },
    { label: "Leave It Out", command: "bursar.drop", argument: { item: "t1.0", run: "run-0abc" } },
  ]);
  expect(partChoices({ ...part, actions: [] }, null)).toEqual([]);
  expect(partChoices({ ...part, actions: ["recall"] }, null)[0]?.argument).toEqual({ item: "t1.0" });
});
