#!/bin/sh
# Mutation check of _core: breaks the code in small ways, one at a time, and counts the breaks that no test notices.
#
#   tests/testing/mutants.sh PYTHON [mutmut's arguments, such as a mutant's name]
#
# mutmut works on a copy of the last commit, under build/mutants. The copy is imported through a folder of links, because
# mutmut takes its own working folder off the path. Two tests are left out: they look at line numbers, which mutants shift.
set -eu
python=$1
shift
root=$(git rev-parse --show-toplevel)
work=$root/build/mutants
rm -rf "$work"
mkdir -p "$work/copy" "$work/path"
git -C "$root" archive HEAD | tar -x -C "$work/copy"
cd "$work/copy"
cat >>pyproject.toml <<'END'

[tool.mutmut]
source_paths = ["trio_durable"]
only_mutate = [
    "trio_durable/_core/clock.py", "trio_durable/_core/instance.py", "trio_durable/_core/ledger.py",
    "trio_durable/_core/replay.py", "trio_durable/_core/retry.py",
]
also_copy = ["sandbox", "proto", "docs", "examples", "README.md"]
pytest_add_cli_args_test_selection = [
    "tests/core", "tests/durable", "tests/testing/test_environment.py", "tests/testing/test_found.py", "tests/testing/test_fuzz.py",
    "tests/testing/test_halves.py", "tests/testing/test_histories.py",
]
pytest_add_cli_args = ["-k", "not changed_code_fails", "--hypothesis-profile=mutants", "-p", "no:cacheprovider"]
use_git_change_detection = false
timeout_multiplier = 5.0
END
for package in trio_durable tests; do ln -s "$work/copy/mutants/$package" "$work/path/$package"; done
ln -s "$work/copy/mutants/sandbox/trio_durable_sandbox" "$work/path/trio_durable_sandbox"
ln -s "$work/copy/mutants/proto/trio_durable_proto" "$work/path/trio_durable_proto"
export PYTHONPATH="$work/path"
"$python" -m mutmut run "$@"
"$python" -m mutmut results
