import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import type { Writable } from "node:stream";
import type { Machine } from "./executable";
import type { Keys } from "./keys";

/** The file descriptor on which the server reads the keys; none on Windows, which hands down no fourth pipe. */
export const keysDescriptor: 3 | null = process.platform === "win32" ? null : 3;

/** How to start the server. */
export interface Start {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string | undefined>;
  readonly keys: Keys;
}

/** Start `bursar serve` with its keys waiting on descriptor 3; resolves when it runs, rejects if it cannot be run. */
export function startServer(start: Start): Promise<ChildProcess> {
  const child = spawn(start.file, [...start.args, "serve"], {
    cwd: start.cwd,
    env: start.env,
    stdio: keysDescriptor === null ? "pipe" : ["pipe", "pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  if (keysDescriptor !== null) {
    const pipe = child.stdio[keysDescriptor] as Writable;
    // A server that ends before it has read the keys is reported by its end, not by this pipe.
    pipe.on("error", () => undefined);
    pipe.end(JSON.stringify(start.keys));
  }
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child));
    child.once("error", reject);
  });
}

/** This machine, as far as finding the server goes. */
export function thisMachine(): Machine {
  return {
    searchPath: process.env.PATH,
    endings: process.platform === "win32" ? (process.env.PATHEXT ?? ".EXE").split(";") : [""],
    isExecutable: (file) => {
      try {
        accessSync(file, constants.X_OK);
        return statSync(file).isFile();
      } catch {
        return false;
      }
    },
    realPath: (file) => {
      try {
        return realpathSync(file);
      } catch {
        return file;
      }
    },
  };
}
