# Run a part and count its failures.
verdicts=()

run_part() {
    local start=$SECONDS verdict=PASS
    failures=0
    echo "== $1"
    "part_$1"
    [ "$failures" = 0 ] || verdict=FAIL
    verdicts+=("$verdict  $1  ($((SECONDS - start)) s)")
}

ok() { echo "ok   $*"; }

wrong() {
    echo "NOT  $*"
    failures=$((failures + 1))
}

# check WHAT COMMAND...: COMMAND must succeed.
check() {
    local what=$1
    shift
    if "$@" > "$work/out" 2> "$work/err"; then ok "$what"; else wrong "$what: $(tail -n 3 "$work/out" "$work/err" | tr '\n' ' ')"; fi
}

# silent WHAT COMMAND...: COMMAND must succeed and print nothing on standard error.
silent() {
    check "$@"
    [ ! -s "$work/err" ] || wrong "$1: on standard error: $(head -c 400 "$work/err")"
}

# refused WHAT PATTERN COMMAND...: COMMAND must fail with status 1 and an error that matches PATTERN.
refused() {
    local what=$1 pattern=$2 status=0
    shift 2
    "$@" > "$work/out" 2> "$work/err" || status=$?
    if [ $status = 1 ] && grep -q -e "$pattern" "$work/err"; then ok "$what"; else wrong "$what: status $status, $(tail -n 2 "$work/err")"; fi
}

# shows WHAT PATTERN: the output of the last command must match PATTERN.
shows() {
    if grep -q -e "$2" "$work/out" "$work/err"; then ok "$1"; else wrong "$1: $(tail -n 2 "$work/out" "$work/err" | tr '\n' ' ')"; fi
}

no_host_loader() {
    ! grep -h -e 'ELFCLASS' -e 'cannot be preloaded' -e 'ld\.so' "$work/err" | head -n 3 | grep . ||
        wrong "$1: the host's loader spoke"
}
