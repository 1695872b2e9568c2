/** A place for a bundle of whatever programs, by names that do not depend on theirs. */
export const place = {prefix: '/debootstrap', libs: 'qemu-libs'} as const;
