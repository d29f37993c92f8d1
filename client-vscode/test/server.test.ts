import { expect, test } from "vitest";
import { startServer, thisMachine } from "../src/server";

const PRINT_WHAT_IS_SEEN = `
  const fs = require("node:fs");
  const keys = fs.readFileSync(3, "utf8");
  const seen = JSON.stringify({ argv: process.argv, env: process.env });
  process.stdout.write(JSON.stringify({ keys, serve: process.argv.at(-1), leaks: seen.includes("sk-canary"), cwd: process.cwd() }));
`;

test.skipIf(process.platform === "win32")(
  "the keys reach the server on descriptor 3, and in no other way",
  async () => {
    const child = await startServer({
      file: process.execPath,
      args: ["-e", PRINT_WHAT_IS_SEEN],
      cwd: "/",
      env: { PATH: process.env.PATH },
      keys: { anthropic: "sk-canary" },
    });
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual({ keys: '{"anthropic":"sk-canary"}', serve: "serve", leaks: false, cwd: "/" });
  },
);

test.skipIf(process.platform === "win32")(
  "a server that ends without reading its keys breaks nothing here",
  async () => {
    const child = await startServer({
      file: process.execPath,
      args: ["-e", "process.exit(7)"],
      cwd: "/",
      env: {},
      keys: { anthropic: "k".repeat(1_000_000) },
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(7);
  },
);

test("what cannot be started is a rejection", async () => {
  await expect(startServer({ file: "/nowhere/bursar", args: [], cwd: "/", env: {}, keys: {} })).rejects.toThrow(
    "ENOENT",
  );
});

test("a folder is not an executable, a program is", () => {
  const machine = thisMachine();
  expect(machine.isExecutable("/")).toBe(false);
  expect(machine.isExecutable(process.execPath)).toBe(true);
  expect(machine.isExecutable("/nowhere")).toBe(false);
});
