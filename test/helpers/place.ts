/** A place for any bundle, with names that do not depend on its programs. */
export const place = {prefix: '/debootstrap', libs: 'qemu-libs'} as const;
