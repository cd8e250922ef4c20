#!/usr/bin/env bash
# Sets the machine up and shows the test case: firewalls that lose power, without raftwall and with it.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
exec node packages/lab/dist/demo.js
