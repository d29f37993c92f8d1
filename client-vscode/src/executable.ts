import * as path from "node:path";

/** What looking for the server needs to know of the machine. */
export interface Machine {
  /** The value of PATH, or undefined where there is none. */
  readonly searchPath: string | undefined;
  /** File name endings that make a bare name runnable: `[""]` except on Windows. */
  readonly endings: readonly string[];
  /** Whether a file is there that this user may run. */
  readonly isExecutable: (file: string) => boolean;
  /** The file with every symbolic link followed; the file itself where that fails. */
  readonly realPath: (file: string) => string;
}

/** Where the server is, or one sentence that says why it cannot be started. */
export type Found =
  | { readonly ok: true; readonly file: string; readonly args: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/**
 * The executable of `bursar.server.command`, always an absolute path outside every workspace folder.
 *
 * A workspace may hold anything, so nothing in it is ever started: a bare name is looked up only in those PATH entries
 * that are absolute and outside, and a path that leads into a folder, by its name or by a link, is refused.
 */
export function findServer(command: readonly unknown[], folders: readonly string[], machine: Machine): Found {
  const [name, ...args] = command;
  if (typeof name !== "string" || name === "" || !args.every((each) => typeof each === "string")) {
    return { ok: false, problem: 'bursar.server.command must be a list of strings, for example ["bursar"].' };
  }
  const around = folderAround(folders, machine);
  const isBare = !name.includes("/") && !name.includes(path.sep);
  if (!isBare) {
    return explicit(name, args, around, machine);
  }
  for (const entry of (machine.searchPath ?? "").split(path.delimiter)) {
    if (!path.isAbsolute(entry)) {
      continue;
    }
    for (const ending of machine.endings) {
      const file = path.join(entry, name + ending);
      if (machine.isExecutable(file) && around(file) === undefined) {
        return { ok: true, file, args };
      }
    }
  }
  return {
    ok: false,
    problem:
      `"${name}" was not found on PATH outside the workspace. ` +
      "Install it (pip install bursar) or set bursar.server.command to an absolute path.",
  };
}

function explicit(
  file: string,
  args: readonly string[],
  around: (file: string) => string | undefined,
  machine: Machine,
): Found {
  if (!path.isAbsolute(file)) {
    return {
      ok: false,
      problem: `bursar.server.command starts with "${file}", a relative path: give an absolute one, or a bare name.`,
    };
  }
  const folder = around(file);
  if (folder !== undefined) {
    return {
      ok: false,
      problem:
        `bursar.server.command leads to "${file}", inside the workspace folder "${folder}". ` +
        "Bursar starts nothing that a workspace may have brought: use an installation outside of it.",
    };
  }
  if (!machine.isExecutable(file)) {
    return { ok: false, problem: `"${file}" is not an executable file: mend bursar.server.command.` };
  }
  return { ok: true, file, args };
}

/** Tells the workspace folder that a file is in, by its name or by where its links lead. */
function folderAround(folders: readonly string[], machine: Machine): (file: string) => string | undefined {
  const known = folders.flatMap((folder) => [
    { folder, at: path.resolve(folder) },
    { folder, at: machine.realPath(folder) },
  ]);
  return (file) => {
    const linked = path.join(machine.realPath(path.dirname(file)), path.basename(file));
    const places = [path.resolve(file), linked, machine.realPath(file)];
    return known.find(({ at }) => places.some((place) => isInside(place, at)))?.folder;
  };
}

function isInside(file: string, folder: string): boolean {
  const between = path.relative(folder, file);
  return between === "" || !(between === ".." || between.startsWith(`..${path.sep}`) || path.isAbsolute(between));
}
