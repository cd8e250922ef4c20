#!/usr/bin/env bash
# Sets the machine up and runs all tests, part by part. It stops after the first part that fails.
# The last line is "N passed, N failed"; the exit code is 0 only if nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
summary=()
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Prints "PASSED FAILED" of a vitest JSON report. A file that could not even be loaded is a failure.
count() {
  node -e '
    const { readFileSync } = require("node:fs");
    let report;
    try {
      report = JSON.parse(readFileSync(process.argv[1], "utf8"));
    } catch {
      report = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
    }
    const unloaded = report.testResults.filter(
      (file) => file.status === "failed" &&
        !file.assertionResults.some((test) => test.status === "failed"));
    console.log(report.numPassedTests, report.numFailedTests + unloaded.length);
  ' "$1"
}

# part NAME PROJECT...
part() {
  local name=$1 project options=() begin=$SECONDS code here_passed here_failed
  shift
  for project in "$@"; do options+=(--project "$project"); done
  printf '\n=== %s ===\n' "$name"
  npx vitest run "${options[@]}" --reporter=default --reporter=json \
    --outputFile.json="$results/$name.json"
  code=$?
  read -r here_passed here_failed < <(count "$results/$name.json")
  # Errors outside of any test.
  if ((code != 0 && here_failed == 0)); then here_failed=1; fi
  passed=$((passed + here_passed))
  failed=$((failed + here_failed))
  summary+=("$(printf '%-14s %5d passed %4d failed %6d s' "$name" "$here_passed" "$here_failed" $((SECONDS - begin)))")
  ((here_failed == 0))
}

finish() {
  printf '\n=== summary ===\n'
  ((${#summary[@]} == 0)) || printf '%s\n' "${summary[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
  exit
}

if ! bash scripts/setup.sh; then
  failed=1
  finish
fi
# Takes two minutes and writes a document.
mutants=()
[ "${RAFTWALL_TEST_LONG:-}" != 1 ] || mutants=(mutants)
part unit unit contract guards "${mutants[@]}" && part sim sim && part process process && part kernel kernel && part lab lab &&
  part failover failover
finish
