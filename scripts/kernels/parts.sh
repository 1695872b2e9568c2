# The parts that run in virtual machines. Each job prints lines `ok WHAT` or `NOT WHAT`, which are counted here.

# on_each_kernel DIRECTORY WHAT: boot each kernel with these files and count the job's lines.
on_each_kernel() {
    local version
    for version in $kernels; do count_machine "$version" amd64 "$1" "$2"; done
}

count_machine() {
    local version=$1 arch=$2 start=$SECONDS line seen=0
    while IFS= read -r line; do
        case $line in
            'ok '*) ok "$version $arch: ${line#ok }"; seen=$((seen + 1)) ;;
            'NOT '*) wrong "$version $arch: ${line#NOT }" ;;
            *) echo "     $line" ;;
        esac
    done < <(boot_machine "$version" "$arch" "$3" 2>&1 || echo "NOT the job ended with status $?")
    [ $seen -gt 0 ] || wrong "$version $arch: $4: the job ran no checks"
    echo "     $version $arch: $4, $((SECONDS - start)) s"
}

# Write a job: job.sh, which defines `try`, followed by standard input.
write_job() {
    { cat "$project/scripts/kernels/jobs/job.sh" && cat; } > "$1/job"
}

packed_programs='xz bash curl git gdb perl node qemu-arm qemu-aarch64'
fixed_programs='bash curl gdb'

part_packed() {
    local files=$work/packed name
    rm -rf "$files" && mkdir -p "$files/packed"
    for name in $packed_programs; do
        check "pack $name" elfinterp pack "$(command -v "$name")" "$files/packed/$name"
    done
    for name in $fixed_programs; do
        check "pack $name at fixed addresses" \
            elfinterp pack --fixed-address "$(command -v "$name")" "$files/packed/$name-fixed"
    done
    mkdir -p "$files/packed/bin" && cp "$project/test-binaries/armel/hello-static" "$files/packed/bin/hello"
    write_job "$files" < "$project/scripts/kernels/jobs/packed.sh"
    on_each_kernel "$files" 'packed programs'
}

part_global() {
    local files=$work/global
    machine_with_node "$files"
    write_job "$files" < "$project/scripts/kernels/jobs/global.sh"
    on_each_kernel "$files" 'binfmt register --global'
}

part_run() {
    local files=$work/run
    machine_with_node "$files"
    write_job "$files" < "$project/scripts/kernels/jobs/run.sh"
    on_each_kernel "$files" 'chroot run'
}

# Copy Node, elfinterp, shared emulators with their libraries, and a small chroot of Arm programs.
machine_with_node() {
    local root=$1
    rm -rf "$root" && mkdir -p "$root"/{elfinterp/dist,etc,root,chroot/{bin,dev,proc,sys,tmp},container/bin}
    cp -r "$project/bin" "$project/package.json" "$root/elfinterp/"
    cp -r "$project/dist/bin" "$root/elfinterp/dist/"
    rm -rf "$root/elfinterp/dist/bin/cache"
    add_programs "$root" node qemu-arm qemu-aarch64 unshare setpriv mount sh
    cp "$project/test-binaries/armel/hello-static" "$root/chroot/bin/sh"
    cp "$project/test-binaries/armel/hello-static" "$root/container/bin/hello"
    echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
}

# Copy programs of the host with their loader and libraries, to the same paths.
add_programs() {
    local root=$1 name file
    shift
    for name; do
        while IFS= read -r file; do
            mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file"
        done < <(command -v "$name" && elfinterp tree --list "$(command -v "$name")")
    done
}

part_arm64() {
    local files=$work/arm64 sysroot
    sysroot=$(fetch_packages arm64 bookworm xz-utils libc6 liblzma5 bash libtinfo6 libgcc-s1) ||
        { wrong 'no arm64 packages'; return; }
    rm -rf "$files" && mkdir -p "$files/packed/bin"
    check 'pack xz for arm64' elfinterp pack --root "$sysroot" /usr/bin/xz "$files/packed/xz"
    check 'pack bash for arm64' elfinterp pack --root "$sysroot" /bin/bash "$files/packed/bash"
    check 'pack bash for arm64 at fixed addresses' \
        elfinterp pack --fixed-address --root "$sysroot" /bin/bash "$files/packed/bash-fixed"
    write_job "$files" < "$project/scripts/kernels/jobs/arm64.sh"
    count_machine 6.12 arm64 "$files" 'packed programs'
}
