import { expect, test } from "vitest";
import { findServer, type Machine } from "../src/executable";

/** A machine with these executables and these symbolic links. */
function machine(
  executables: string[],
  links: Record<string, string> = {},
  searchPath = "/usr/bin:/opt/tools",
): Machine {
  const follow = (file: string): string => {
    for (const [from, to] of Object.entries(links)) {
      if (file === from || file.startsWith(`${from}/`)) {
        return to + file.slice(from.length);
      }
    }
    return file;
  };
  return {
    searchPath,
    endings: [""],
    isExecutable: (file) => executables.includes(file) || executables.includes(follow(file)),
    realPath: follow,
  };
}

const WORKSPACE = ["/home/me/project"];

test("a bare name is the first executable of that name on PATH", () => {
  const found = findServer(["bursar", "--quiet"], WORKSPACE, machine(["/opt/tools/bursar"]));
  expect(found).toEqual({ ok: true, file: "/opt/tools/bursar", args: ["--quiet"] });
});

test.each([
  ["an entry inside the workspace", "/home/me/project/.venv/bin:/opt/tools"],
  ["the workspace itself", "/home/me/project:/opt/tools"],
  ["a relative entry", "bin:.::/opt/tools"],
])("PATH: %s is passed over", (_, searchPath) => {
  const planted = ["/home/me/project/.venv/bin/bursar", "/home/me/project/bursar", "bin/bursar", "bursar", "/bursar"];
  const found = findServer(["bursar"], WORKSPACE, machine([...planted, "/opt/tools/bursar"], {}, searchPath));
  expect(found).toMatchObject({ ok: true, file: "/opt/tools/bursar" });
});

test("a name that is nowhere outside the workspace is not found, and the message says what to do", () => {
  const found = findServer(
    ["bursar"],
    WORKSPACE,
    machine(["/home/me/project/bursar"], {}, "/home/me/project:/usr/bin"),
  );
  expect(found).toMatchObject({ ok: false, problem: expect.stringMatching(/outside the workspace.*pip install/) });
});

test.each([
  ["the path", "/home/me/project/tools/bursar", {}],
  ["the path, with dots", "/usr/../home/me/project/tools/bursar", {}],
  ["a link to the file", "/opt/tools/bursar", { "/opt/tools/bursar": "/home/me/project/tools/bursar" }],
  ["a link to the folder", "/opt/tools/bursar", { "/opt/tools": "/home/me/project/tools" }],
  ["a linked workspace folder", "/data/project/tools/bursar", { "/home/me/project": "/data/project" }],
  ["a link out of the workspace", "/home/me/project/bursar", { "/home/me/project/bursar": "/usr/bin/bursar" }],
])("an executable inside the workspace is refused: %s", (_, file, links) => {
  const executables = [file, "/home/me/project/tools/bursar", "/usr/bin/bursar"];
  const found = findServer([file], WORKSPACE, machine(executables, links));
  expect(found).toMatchObject({ ok: false, problem: expect.stringContaining("/home/me/project") });
});

test("a neighbour whose name begins like the workspace's is outside", () => {
  const file = "/home/me/project-tools/bursar";
  expect(findServer([file], WORKSPACE, machine([file]))).toMatchObject({ ok: true, file });
});

test("a folder whose name begins with two dots is still inside", () => {
  const file = "/home/me/project/..bin/bursar";
  expect(findServer([file], WORKSPACE, machine([file]))).toMatchObject({ ok: false });
});

test("a relative path is refused", () => {
  const found = findServer(["./bursar"], WORKSPACE, machine(["./bursar"]));
  expect(found).toMatchObject({ ok: false, problem: expect.stringContaining("relative") });
});

test("an absolute path to nothing is refused", () => {
  expect(findServer(["/opt/none"], WORKSPACE, machine([]))).toMatchObject({ ok: false });
});

test.each([[[]], [[""]], [[1]], [["bursar", 2]]])("%j is no command", (command) => {
  const found = findServer(command, WORKSPACE, machine(["/usr/bin/bursar"]));
  expect(found).toMatchObject({ ok: false, problem: expect.stringContaining("list of strings") });
});
