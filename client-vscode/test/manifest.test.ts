import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FORWARDED } from "../src/settings";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const settings: Record<string, { scope: string; default: unknown }> = manifest.contributes.configuration.properties;

test("what decides what is started, asked and spent is of the machine, and restricted until the workspace is trusted", () => {
  const decisive = Object.keys(settings).filter((name) => !name.startsWith("bursar.diagnostics."));
  expect(decisive.map((name) => settings[name]?.scope)).toEqual(decisive.map(() => "machine"));
  expect(manifest.capabilities.untrustedWorkspaces).toMatchObject({
    supported: "limited",
    restrictedConfigurations: decisive,
  });
});

test("the server is told what is declared, and nothing else", () => {
  const told = FORWARDED.map((each) => `bursar.${each}`);
  expect([...told].sort()).toEqual(
    Object.keys(settings)
      .filter((each) => each !== "bursar.server.command")
      .sort(),
  );
});

test("the commands of the lenses are the server's to register", () => {
  const names: string[] = manifest.contributes.commands.map((each: { command: string }) => each.command);
  for (const server of [
    "bursar.runTask",
    "bursar.resumeRun",
    "bursar.pauseRun",
    "bursar.stopRun",
    "bursar.acceptRun",
  ]) {
    expect(names).not.toContain(server);
  }
});
