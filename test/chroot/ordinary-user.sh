# Run a command as an ordinary user who has subordinate ids ($1 = with) or none ($1 = without). The user exists
# in a private mount namespace only: copies of four files of /etc are mounted over them. Needs root.
set -e
subordinate=$1
shift
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
chmod 755 "$directory"
{ cat /etc/passwd; echo 'elfuser:x:54321:54321::/tmp:/bin/sh'; } >"$directory/passwd"
{ cat /etc/group; echo 'elfuser:x:54321:'; } >"$directory/group"
if [ "$subordinate" = with ]; then echo 'elfuser:700000:65536'; fi >"$directory/subuid"
cp "$directory/subuid" "$directory/subgid"
for name in passwd group subuid subgid; do mount --bind "$directory/$name" "/etc/$name"; done
status=0
setpriv --reuid=54321 --regid=54321 --clear-groups "$@" || status=$?
for name in passwd group subuid subgid; do umount "/etc/$name"; done
exit $status
