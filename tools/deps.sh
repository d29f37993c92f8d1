#!/bin/sh
# Installs the system packages that the end-to-end tests need: a browser with a font, and the other editors.
set -eu

packages="chromium fonts-dejavu-core neovim emacs-nox elpa-eglot"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "deps: apt-get is not here; install by hand what matches:$missing" >&2
    exit 2
fi
if [ "$(id -u)" != 0 ]; then
    echo "deps: not root; run: sudo apt-get install --no-install-recommends$missing" >&2
    exit 2
fi
apt-get update -q
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
