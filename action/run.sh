#!/usr/bin/env bash
# One run of gpulint for action.yml: inputs come in INPUT_* variables, outputs go to $GITHUB_OUTPUT.
# Nothing of an input is ever parsed as shell: each becomes one argument. Works with bash 3.2, as on macOS.
set -euo pipefail

main() {
  check_inputs
  local work launcher arguments code=0
  work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/gpulint.XXXXXX")
  find_launcher
  collect_arguments "$work"
  if ! is_true INPUT_SUMMARY; then
    unset GITHUB_STEP_SUMMARY
  fi
  "${launcher[@]}" "${arguments[@]}" || code=$?
  write_outputs "$work" "$code"
}

check_inputs() {
  local name
  for name in INPUT_VERSION INPUT_CONFIG INPUT_FAIL_ON INPUT_SARIF_FILE; do
    if [[ ${!name:-} == *[$'\r\n']* ]]; then
      refuse "an input has a line break where one line is expected ($name)"
    fi
  done
  if [[ -n ${INPUT_VERSION:-} && ! $INPUT_VERSION =~ ^[0-9][0-9A-Za-z.+-]*$ ]]; then
    refuse "input 'version' is not a version, like 1.2.3"
  fi
}

refuse() {
  echo "::error title=gpulint::$1"
  exit 2
}

is_true() {
  [[ ${!1:-} == true ]]
}

# Sets launcher. GPULINT_COMMAND is one program, for tests and for runners without network.
find_launcher() {
  if [[ -n ${GPULINT_COMMAND:-} ]]; then
    launcher=("$GPULINT_COMMAND")
  elif [[ -n ${INPUT_VERSION:-} ]]; then
    launcher=(uv tool run --quiet --from "gpulint==$INPUT_VERSION" gpulint)
  else
    launcher=(uv tool run --quiet --from "$GITHUB_ACTION_PATH" gpulint)
  fi
}

# Sets arguments. Each --output belongs to the --format before it.
collect_arguments() {
  local work=$1
  arguments=(check --fail-on "${INPUT_FAIL_ON:-error}")
  if [[ -n ${INPUT_CONFIG:-} ]]; then
    arguments+=(--config "$INPUT_CONFIG")
  fi
  append_lines "${INPUT_ARGS:-}"
  if is_true INPUT_ANNOTATIONS; then
    arguments+=(--format github)
  else
    arguments+=(--format text --format github --output "$work/annotations") # for the summary, which this format writes
  fi
  arguments+=(--format json --output "$work/gpulint.json")
  if is_true INPUT_SARIF; then
    arguments+=(--format sarif --output "$work/gpulint.sarif")
  fi
  arguments+=(--)
  append_lines "${INPUT_PATHS:-.}"
}

append_lines() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    if [[ -n $line ]]; then
      arguments+=("$line")
    fi
  done <<<"$1"
}

write_outputs() {
  local work=$1 sarif_file=${INPUT_SARIF_FILE:-gpulint.sarif}
  output exit-code "$2"
  if [[ -f $work/gpulint.sarif ]]; then
    # moved here, so that neither a file nor a link of that name in the repository can take its place
    mkdir -p -- "$(dirname -- "$sarif_file")"
    mv -f -- "$work/gpulint.sarif" "$sarif_file"
    output sarif-file "$sarif_file"
  fi
  if [[ -f $work/gpulint.json ]]; then
    output json-file "$work/gpulint.json"
    count_findings "$work/gpulint.json" >>"$GITHUB_OUTPUT"
  fi
}

output() {
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

count_findings() {
  "$(command -v python3 || command -v python)" - "$1" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
summary = report["summary"]
print(f"findings={int(summary['errors']) + int(summary['warnings']) + int(summary['infos'])}")
print(f"errors={int(summary['errors'])}")
print(f"warnings={int(summary['warnings'])}")
print("version=" + "".join(report["tool"]["version"].split()))
PYTHON
}

main
