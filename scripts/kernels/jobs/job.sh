# Included before each job. try WHAT PATTERN COMMAND...: the output, including errors, must match PATTERN.
try() {
    what=$1 pattern=$2
    shift 2
    "$@" > /tmp/out 2>&1
    status=$?
    if busybox grep -q -e "$pattern" /tmp/out; then
        echo "ok $what"
    else
        echo "NOT $what: status $status, $(busybox head -c 1000 /tmp/out | busybox tr '\n' ' ')"
    fi
}
elfinterp() { node /elfinterp/bin/elfinterp.js "$@"; }
