/*
 * The machine code in a packed program: the entry point, and the handler of the loader's system calls.
 *
 * The kernel starts a packed program as it starts a static one. `_start` changes the auxiliary vector to what it would
 * be if the kernel had loaded the program and its loader (the program's own headers and entry, the loader's address),
 * and jumps to the loader.
 *
 * The loader's system calls for opening and mapping files are redirected to `common`, which calls `handle`. A file
 * whose name is one of those inside is served from memory; everything else goes to the kernel. All files inside are
 * stored one after another in a range that the kernel has mapped read-only, twice. A library is mapped by moving pages
 * out of the first mapping with mremap(MREMAP_DONTUNMAP): they stay file-backed, and no byte is copied. Before Linux
 * 5.13 that flag works only for anonymous memory. There, pages are moved for good the first time, and copied from the
 * second mapping if they are writable or needed again.
 *
 * In a file at fixed addresses the first mapping has the libraries laid out as in memory, with one LOAD for all. They
 * are used there in place, and only a library that is loaded again comes from the second mapping, as described above.
 *
 * Whatever directory the loader looks in, it finds the names inside there, so neither a search path nor a file on the
 * machine can get in the way. Only in the subdirectories for special processors does it find nothing from inside.
 *
 * No libc, no writable data but `struct state`, no relocations. build.sh compiles this file.
 */
typedef unsigned long u64;
typedef long i64;
typedef unsigned int u32;
typedef unsigned char u8;

#define HIDDEN __attribute__((visibility("hidden")))

/* A name under which the loader may ask for a file. Several may lead to one file. */
struct library {
	u32 hash;   /* of the name: hash() */
	u32 name;   /* bytes from the configuration to the name, which ends with a NUL */
	u64 offset; /* of the file in the mapped range, a multiple of the page size */
	u64 size;   /* of the file */
	u64 head;   /* bytes of its first segment, up to a whole page */
	u64 cut;    /* bytes of the file that are at `offset`, whole pages; the others are at `rest` */
	u64 rest;
	u64 span;   /* bytes of memory that are ready at its fixed address; 0 if it has none */
};

/* Written by the planner. Places are distances in bytes from the configuration itself. */
struct config {
	i64 headers; /* the program header table as the original program has it */
	u64 header_count;
	i64 entry; /* the program's */
	i64 loader;
	i64 loader_entry;
	i64 state;
	i64 front; /* the files inside */
	i64 back;  /* the second mapping of them; with fixed addresses `front` is this one, too */
	i64 place; /* where libraries that have fixed addresses are, each at its `offset` */
	u64 size;  /* of the range, whole pages */
	u32 count; /* of libraries */
	u32 flags;
	struct library libraries[];
};

#define CLOSED 1 /* refuse to open anything that is not inside */

/* Writable, zero at first. */
struct state {
	u64 is_old;  /* mremap cannot leave file pages where they are */
	u64 library; /* the last that was mapped as a whole, and where */
	u64 address;
	u64 length;
	u64 opened; /* the number + 1 of the library that is open */
	struct {
		u64 position; /* for read() */
		u64 moved;    /* on old kernels: its pages are gone from the first mapping */
		u64 placed;   /* at its fixed address: 1 from when it is mapped there to when it is mapped again */
	} of[];
};

extern const struct config config HIDDEN;

/* No process has that many descriptors: fs.nr_open cannot be raised that far. */
#define FIRST_DESCRIPTOR 0x7ff00000
/* st_dev of a real device has 32 bits. */
#define DEVICE 0x656c66696e746572

#define ENOENT 2
#define EBADF 9
#define EINVAL 22
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_FIXED 16
#define MAP_ANONYMOUS 32
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MREMAP_DONTUNMAP 4
#define AT_PHDR 3
#define AT_PHNUM 5
#define AT_BASE 7
#define AT_ENTRY 9

#ifdef __x86_64__

enum { NR_read = 0, NR_close = 3, NR_stat = 4, NR_fstat = 5, NR_lstat = 6, NR_mmap = 9, NR_mprotect = 10,
       NR_pread64 = 17, NR_mremap = 25, NR_openat = 257, NR_newfstatat = 262 };
#define IF_OLD_STAT(yes) yes

struct stat {
	u64 dev, ino, nlink;
	u32 mode, uid, gid, pad;
	u64 rdev;
	i64 size, blksize, blocks;
	u64 times[6];
	i64 unused[3];
};

static i64 sys(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	i64 r;
	register i64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return r;
}

/*
 * `common` is called instead of a `syscall` instruction, with the same registers; like `syscall`, it changes only rax,
 * rcx and r11. Its caller has skipped the red zone.
 */
__asm__(".section .entry, \"ax\"\n"
        ".globl _start\n.hidden enter\n.hidden handle\n"
        "_start:\n"
        "	endbr64\n"
        "	mov %rsp, %rdi\n"
        "	mov %rsp, %rbx\n"
        "	and $-16, %rsp\n"
        "	call enter\n"
        "	mov %rbx, %rsp\n"
        "	xor %edx, %edx\n"
        "	xor %ebx, %ebx\n"
        "	jmp *%rax\n"
        "	.org 64\n"
        "common:\n"
        "	push %r9\n	push %r8\n	push %r10\n	push %rdx\n	push %rsi\n	push %rdi\n	push %rbp\n"
        "	mov %rsp, %rbp\n"
        "	lea 8(%rsp), %rsi\n"
        "	mov %rax, %rdi\n"
        "	and $-16, %rsp\n"
        "	cld\n"
        "	call handle\n"
        "	mov %rbp, %rsp\n"
        "	pop %rbp\n	pop %rdi\n	pop %rsi\n	pop %rdx\n	pop %r10\n	pop %r8\n	pop %r9\n"
        "	ret\n"
        ".text\n");

/* What glibc up to 2.36 looks for besides glibc-hwcaps (elf/dl-hwcaps.c, dl_platform). */
#define OLD_SUBDIRECTORIES "tls\0x86_64\0haswell\0xeon_phi\0avx512_1\0"

#else

enum { NR_openat = 56, NR_close = 57, NR_read = 63, NR_pread64 = 67, NR_newfstatat = 79, NR_fstat = 80,
       NR_mremap = 216, NR_mmap = 222, NR_mprotect = 226, NR_stat = -1, NR_lstat = -2 };
#define IF_OLD_STAT(yes)

struct stat {
	u64 dev, ino;
	u32 mode, nlink, uid, gid;
	u64 rdev, pad;
	i64 size;
	u32 blksize, pad2;
	i64 blocks;
	u64 times[6];
	u32 unused[2];
};

static i64 sys(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	register i64 x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
	             x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

/* `common` is called instead of an `svc` instruction; like `svc`, it changes only x0. Its caller saves x30. */
__asm__(".section .entry, \"ax\"\n"
        ".globl _start\n.hidden enter\n.hidden handle\n"
        "_start:\n"
        "	hint #34\n" /* bti c */
        "	mov x0, sp\n"
        "	mov x19, sp\n"
        "	bl enter\n"
        "	mov sp, x19\n"
        "	mov x16, x0\n"
        "	mov x0, xzr\n"
        "	br x16\n"
        "	.org 64\n"
        "common:\n"
        "	sub sp, sp, #208\n"
        "	stp x0, x1, [sp]\n	stp x2, x3, [sp, #16]\n	stp x4, x5, [sp, #32]\n"
        "	stp x6, x7, [sp, #48]\n	stp x8, x9, [sp, #64]\n	stp x10, x11, [sp, #80]\n"
        "	stp x12, x13, [sp, #96]\n	stp x14, x15, [sp, #112]\n	stp x16, x17, [sp, #128]\n"
        "	stp x18, x30, [sp, #144]\n	mrs x9, nzcv\n	str x9, [sp, #160]\n"
        "	mov x0, x8\n	mov x1, sp\n"
        "	bl handle\n"
        "	ldr x9, [sp, #160]\n	msr nzcv, x9\n	ldp x18, x30, [sp, #144]\n"
        "	ldp x16, x17, [sp, #128]\n	ldp x14, x15, [sp, #112]\n	ldp x12, x13, [sp, #96]\n"
        "	ldp x10, x11, [sp, #80]\n	ldp x8, x9, [sp, #64]\n	ldp x6, x7, [sp, #48]\n"
        "	ldp x4, x5, [sp, #32]\n	ldp x2, x3, [sp, #16]\n	ldr x1, [sp, #8]\n"
        "	add sp, sp, #208\n"
        "	ret\n"
        ".text\n");

#define OLD_SUBDIRECTORIES "tls\0aarch64\0atomics\0"

#endif

/* Hide from the compiler that the result comes from `config`, which is constant: otherwise it might omit stores. */
static void *at(i64 distance)
{
	char *here = (char *)&config;
	__asm__("" : "+r"(here));
	return here + distance;
}

static int is_error(i64 result)
{
	return (u64)result >= -4095UL;
}

/* Change the auxiliary vector; return the address to jump to. */
HIDDEN u64 enter(u64 *stack)
{
	u64 *p = stack + 1 + stack[0] + 1; /* argc, argv, NULL */
	while (*p)
		p++;
	for (p++; p[0]; p += 2)
		switch (p[0]) {
		case AT_PHDR: p[1] = (u64)at(config.headers); break;
		case AT_PHNUM: p[1] = config.header_count; break;
		case AT_ENTRY: p[1] = (u64)at(config.entry); break;
		case AT_BASE: p[1] = (u64)at(config.loader); break;
		}
	return (u64)at(config.loader_entry);
}

/* Whether the `length` bytes at `text` are `word`. */
static int is_word(const char *text, u64 length, const char *word)
{
	u64 i = 0;
	while (i < length && word[i] && word[i] == text[i])
		i++;
	return i == length && !word[i];
}

/* Whether a directory is one for special processors: .../glibc-hwcaps/x86-64-v3, .../tls/x86_64. */
static int is_special(const char *path, u64 length)
{
	u64 start = 0;
	for (u64 i = 0; i <= length; i++)
		if (i == length || path[i] == '/') {
			if (is_word(path + start, i - start, "glibc-hwcaps"))
				return 1;
			if (i < length)
				start = i + 1;
		}
	for (const char *word = OLD_SUBDIRECTORIES; *word; word++) {
		if (is_word(path + start, length - start, word))
			return 1;
		while (*word)
			word++;
	}
	return 0;
}

enum { NONE = -1, SPECIAL = -2 };

/* The number of the first name that leads to a file. */
static u64 first(u64 i)
{
	u64 k = 0;
	while (config.libraries[k].offset != config.libraries[i].offset)
		k++;
	return k;
}

/* The number of the library that the last component of a path names. */
static i64 find(const char *path)
{
	u64 name = 0, end = 0;
	u32 hash = 2166136261u; /* FNV-1a */
	for (; path[end]; end++) {
		hash = (hash ^ (u8)path[end]) * 16777619u;
		if (path[end] == '/') {
			name = end + 1;
			hash = 2166136261u;
		}
	}
	for (u32 i = 0; i < config.count; i++)
		if (config.libraries[i].hash == hash && is_word(path + name, end - name, at(config.libraries[i].name)))
			return is_special(path, name ? name - 1 : 0) ? (i64)SPECIAL : (i64)first(i);
	return NONE;
}

static i64 open(i64 *a)
{
	struct state *state = at(config.state);
	const char *path = (const char *)a[1];
	i64 i = path ? find(path) : NONE;
	if (i == SPECIAL || (i == NONE && path && config.flags & CLOSED))
		return -ENOENT;
	if (i == NONE)
		return sys(NR_openat, a[0], a[1], a[2], a[3], 0, 0);
	state->length = 0;
	state->opened = i + 1;
	state->of[i].position = 0;
	return FIRST_DESCRIPTOR + i;
}

static i64 describe(struct stat *result, const struct library *library)
{
	for (u64 i = 0; i < sizeof *result / 8; i++)
		((u64 *)result)[i] = 0;
	result->dev = DEVICE;
	result->ino = library ? library->offset / 4096 + 2 : 1;
	result->nlink = 1;
	result->mode = library ? 0100755 : 040755;
	result->size = library ? library->size : 0;
	result->blksize = 4096;
	result->blocks = library ? (library->size + 511) / 512 : 0;
	return 0;
}

/*
 * The loader calls stat on the directories that it did not find a library in, to skip those that do not exist from then
 * on. In a skipped one it would not find the files inside either, so all of them exist. Those for special processors
 * have nothing from inside, but may have files of the machine.
 */
static i64 stat(i64 number, i64 *a, const char *path, struct stat *result)
{
	u64 length = 0;
	while (path[length])
		length++;
	if (!is_special(path, length))
		return describe(result, 0);
	return config.flags & CLOSED ? -ENOENT : sys(number, a[0], a[1], a[2], a[3], 0, 0);
}

/* What is ready at a fixed address belongs to the loader once it is mapped, and may be gone by now. */
static const u8 *content(u64 i)
{
	const struct state *state = at(config.state);
	i64 range = config.libraries[i].span && !state->of[i].placed ? config.place
	            : state->of[i].moved                             ? config.back
	                                                             : config.front;
	return (const u8 *)at(range) + config.libraries[i].offset;
}

static void copy(u8 *to, const u8 *from, u64 count)
{
	u64 k = 0;
	for (; k + 8 <= count; k += 8)
		__builtin_memcpy(to + k, from + k, 8);
	for (; k < count; k++)
		to[k] = from[k];
}

static i64 read(u64 i, u8 *buffer, u64 count, u64 position)
{
	const struct library *library = &config.libraries[i];
	if ((i64)position < 0)
		return -EINVAL;
	if (position >= library->size)
		return 0;
	if (count > library->size - position)
		count = library->size - position;
	u64 here = position >= library->cut ? 0 : library->cut - position < count ? library->cut - position : count;
	copy(buffer, content(i) + position, here);
	if (here < count)
		copy(buffer + here, (const u8 *)at(config.back) + library->rest + position + here - library->cut, count - here);
	return count;
}

static u64 up(u64 length)
{
	return (length + 4095) & -4096UL;
}

/* The pages already have PROT_READ. */
static i64 protect(u64 address, u64 length, u64 prot)
{
	i64 r = prot == PROT_READ ? 0 : sys(NR_mprotect, address, length, prot, 0, 0, 0);
	return r ? r : (i64)address;
}

static i64 remap(u64 start, u64 length, u64 flags, u64 address)
{
	return sys(NR_mremap, (u64)at(config.front) + start, length, length, MREMAP_MAYMOVE | flags, address, 0);
}

/* On old kernels: move pages that are not writable the first time, otherwise copy them. */
static i64 move_or_copy(u64 i, u64 start, u64 length, u64 address, u64 prot)
{
	struct state *state = at(config.state);
	if (!(prot & PROT_WRITE) && config.front != config.back && state->of[i].moved < 2 && !is_error(remap(start, length, MREMAP_FIXED, address))) {
		state->of[i].moved = 1;
		return protect(address, length, prot);
	}
	i64 r = sys(NR_mmap, address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (is_error(r))
		return r;
	const u64 *from = (const u64 *)((u64)at(config.back) + start);
	for (u64 k = 0; k < length / 8; k++)
		((u64 *)address)[k] = from[k];
	r = sys(NR_mprotect, address, length, prot, 0, 0, 0);
	return r ? r : (i64)address;
}

/*
 * The loader maps a library as a whole first, then segment by segment at fixed addresses. If a segment is as far from
 * its place in the file as the first one is, its bytes are already there.
 */
static i64 map_anywhere(u64 i, u64 address, u64 length, u64 prot, u64 flags, u64 offset)
{
	struct state *state = at(config.state);
	const struct library *library = &config.libraries[i];
	u64 start = offset < library->cut ? library->offset + offset : library->rest + offset - library->cut;
	u64 room = config.size - start;
	u64 is_fixed = flags & MAP_FIXED, is_whole = !offset && length > library->head;
	length = up(length);
	if (is_fixed && !is_whole && offset < library->cut && state->library == i && address - state->address == offset &&
	    address + length <= state->address + state->length) {
		/* It may have another protection than PROT_READ by now. */
		i64 r = sys(NR_mprotect, address, length, prot, 0, 0, 0);
		return r ? r : (i64)address;
	}
	if (!state->is_old && length <= room) {
		i64 r = remap(start, length, MREMAP_DONTUNMAP | (is_fixed ? MREMAP_FIXED : 0), is_fixed ? address : 0);
		if (!is_error(r)) {
			if (is_whole) {
				state->library = i;
				state->address = r;
				state->length = length;
			}
			return protect(r, length, prot);
		}
		if (r != -EINVAL)
			return r;
		state->is_old = 1;
	}
	u64 part = up(library->size) - offset;
	if (part > length)
		part = length;
	if (!is_fixed || length > part || is_whole) {
		address = sys(NR_mmap, address, length, 0, MAP_PRIVATE | MAP_ANONYMOUS | is_fixed, -1, 0);
		if (is_error(address))
			return address;
		if (is_whole)
			part = library->head;
	}
	if (state->is_old)
		return move_or_copy(i, start, part, address, prot);
	i64 r = remap(start, part, MREMAP_DONTUNMAP | MREMAP_FIXED, address);
	if (r != -EINVAL)
		return is_error(r) ? r : protect(address, part, prot);
	state->is_old = 1;
	return move_or_copy(i, start, part, address, prot);
}

/*
 * At its fixed address a library is already laid out as in memory and relocated: only protections are set. That works
 * the first time it is mapped. Later, after dlclose or for another namespace, it is mapped anywhere, from the original
 * file.
 */
static i64 map(u64 i, u64 address, u64 length, u64 prot, u64 flags, u64 offset)
{
	struct state *state = at(config.state);
	const struct library *library = &config.libraries[i];
	u64 *placed = &state->of[i].placed, place = (u64)at(config.place) + library->offset;
	if (!length || length > 1UL << 46 || offset >= up(library->size) || offset & 4095)
		return -EINVAL;
	if (!library->span)
		return map_anywhere(i, address, length, prot, flags, offset);
	if (!(flags & MAP_FIXED) || (!offset && length > library->head)) {
		if (*placed || up(length) > library->span || (flags & MAP_FIXED && address != place)) {
			*placed = 2;
			return map_anywhere(i, address, length, prot, flags, offset);
		}
		*placed = 1;
		return protect(place, up(length), prot);
	}
	if (*placed != 1)
		return map_anywhere(i, address, length, prot, flags, offset);
	i64 r = sys(NR_mprotect, address, up(length), prot, 0, 0, 0);
	return r ? r : (i64)address;
}

/*
 * If segments are aligned to more than a page, glibc 2.35 and later first reserves room for the library and the
 * alignment, maps the library there, and gives back the rest. At a fixed address there is that much room.
 */
static i64 reserve(i64 *a)
{
	struct state *state = at(config.state);
	u64 i = state->opened - 1;
	if (state->opened && !a[2] && !(a[3] & MAP_FIXED) && config.libraries[i].span && !state->of[i].placed)
		return (i64)at(config.place) + config.libraries[i].offset;
	return sys(NR_mmap, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static i64 close(u64 i)
{
	struct state *state = at(config.state);
	state->opened = 0;
	if (state->of[i].moved)
		state->of[i].moved = 2;
	return 0;
}

HIDDEN i64 handle(i64 number, i64 *a)
{
	if (number == NR_openat)
		return open(a);
	IF_OLD_STAT(if ((number == NR_stat || number == NR_lstat) && a[0]) return stat(number, a, (const char *)a[0], (struct stat *)a[1]);)
	const char *path = number == NR_newfstatat ? (const char *)a[1] : 0;
	if (path && *path)
		return stat(number, a, path, (struct stat *)a[2]);
	if (number == NR_mmap && a[3] & MAP_ANONYMOUS)
		return reserve(a);
	u64 i = (u32)a[number == NR_mmap ? 4 : 0] - FIRST_DESCRIPTOR;
	if (i >= 0x80000)
		return sys(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (i >= config.count)
		return -EBADF;
	struct state *state = at(config.state);
	switch (number) {
	case NR_close: return close(i);
	case NR_fstat: return describe((struct stat *)a[1], &config.libraries[i]);
	case NR_newfstatat: return describe((struct stat *)a[2], &config.libraries[i]);
	case NR_pread64: return read(i, (u8 *)a[1], a[2], a[3]);
	case NR_read: {
		i64 r = read(i, (u8 *)a[1], a[2], state->of[i].position);
		if (r > 0)
			state->of[i].position += r;
		return r;
	}
	case NR_mmap: return map(i, a[0], a[1], a[2], a[3], a[5]);
	}
	return -EBADF;
}
