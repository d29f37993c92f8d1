// Keeps npm's lock files free of host names: which registry served a package is the business of who installs it.
//   node lock.mjs LOCK...           takes out the addresses (of registries, of funding pages, in deprecation notes)
//   node lock.mjs --check LOCK...   fails if a lock still holds one
import { readFileSync, writeFileSync } from "node:fs";

const [first, ...rest] = process.argv.slice(2);
const checking = first === "--check";
for (const path of checking ? rest : [first, ...rest]) {
  const lock = JSON.parse(readFileSync(path, "utf8"));
  for (const entry of Object.values(lock.packages)) {
    delete entry.resolved;
    delete entry.funding;
    delete entry.deprecated;
  }
  const clean = `${JSON.stringify(lock, null, 2)}\n`;
  if (clean.includes("://")) {
    throw new Error(`${path} holds an address in a field that lock.mjs does not know: look for ://`);
  }
  if (!checking) {
    writeFileSync(path, clean);
  } else if (readFileSync(path, "utf8") !== clean) {
    process.stderr.write(`${path} holds addresses: run node tools/editor/lock.mjs ${path}\n`);
    process.exitCode = 1;
  }
}
