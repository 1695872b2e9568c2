in_empty_root() { busybox chroot /packed "$@"; }
try 'xz' '^xz (XZ Utils)' in_empty_root /xz --version
try 'bash' '^42 aarch64' in_empty_root /bash -c 'echo $((6 * 7)) $HOSTTYPE'
try 'bash at fixed addresses' '^42 aarch64' in_empty_root /bash-fixed -c 'echo $((6 * 7)) $HOSTTYPE'
