#!/usr/bin/env bash
# Validates SARIF files with Microsoft's multitool by its rules for SARIF and for GitHub: .ci/sarif-multitool.sh FILE…
# Fails on every error and warning. The multitool itself exits with 0 whatever it finds, so its own report is read.
set -euo pipefail

version=5.7.0
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=$folder/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 # no ICU needed

if (($# == 0)); then
  echo "usage: $0 FILE…" >&2
  exit 2
fi
if [[ ! -f $tool ]]; then
  npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --silent \
    "@microsoft/sarif-multitool-linux@$version"
fi
chmod u+x "$tool" # npm unpacks it without, and install scripts are off

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0
for file in "$@"; do
  number=$((number + 1))
  report=$work/$number.sarif
  "$tool" validate --rule-kind 'Sarif;Ghas' --level 'Error;Warning' --output "$report" "$file"
  complaints=$(node -e '
    const runs = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).runs;
    console.log(runs.flatMap((run) => run.results || []).length);
  ' "$report")
  if [[ $complaints != 0 ]]; then
    echo "$file: $complaints complaints" >&2
    failed=1
  fi
done
exit "$failed"
