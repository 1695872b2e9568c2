/*
 * The stub's machine code, called system call by system call: `handler CODE FILE`, where CODE is the stub and FILE has at
 * least 10 pages of 4 KiB. Prints a line for each case that fails, and the number of cases.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct library { uint32_t hash, name; uint64_t offset, size, head, cut, rest, span; };
struct config {
	int64_t headers; uint64_t header_count; int64_t entry, loader, loader_entry, state, front, back, place;
	uint64_t size; uint32_t count, flags; struct library libraries[3];
};
struct state { uint64_t is_old, library, address, length, opened; struct { uint64_t position, moved, placed; } of[3]; };

#define PAGE 4096
#define RANGE (10 * PAGE)
#define FD 0x7ff00000

static char *code, *front, *back, *plain;
static int file;
static struct config *config;
static struct state *state;
static int cases, failures;

#define CHECK(what) do { cases++; if (!(what)) { failures++; printf("line %d: %s\n", __LINE__, #what); } } while (0)

static int registers_kept;

/* Call `common` as a trampoline does. */
static long call(long n, long a, long b, long c, long d, long e, long f)
{
#ifdef __x86_64__
	const long given[] = {a, b, c, d, e, f};
	long result;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("lea -128(%%rsp), %%rsp\n call *%%rbx\n lea 128(%%rsp), %%rsp"
		: "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
		: "a"(n), "b"(code + 64) : "rcx", "r11", "memory", "cc");
	const long kept[] = {a, b, c, r10, r8, r9};
	registers_kept = !memcmp(kept, given, sizeof kept);
	return result;
#else
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
	              x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f, x6 __asm__("x6") = 66,
	              x16 __asm__("x16") = (long)(code + 64), x17 __asm__("x17") = 77;
	__asm__ volatile("blr x16"
		: "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x8), "+r"(x6), "+r"(x16), "+r"(x17)
		: : "x30", "memory");
	registers_kept = x1 == b && x2 == c && x3 == d && x4 == e && x5 == f && x8 == n && x6 == 66 && x17 == 77;
	return x0;
#endif
}

static long do_open(const char *path) { return call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0); }
static long do_map(long address, long length, long prot, long flags, long fd, long offset)
{
	return call(SYS_mmap, address, length, prot, flags, fd, offset);
}

static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261u;
	while (*s) h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

static int readable(void *p)
{
	int fds[2];
	if (pipe(fds)) return 0;
	int ok = write(fds[1], p, 1) == 1;
	close(fds[0]); close(fds[1]);
	return ok;
}

static void opening(void)
{
	CHECK(do_open("/any/where/liba.so") == FD);
	CHECK(registers_kept);
	CHECK(do_open("liba.so") == FD);
	CHECK(do_open("/lib/second-name.so") == FD);
	CHECK(do_open("/lib/libb.so") == FD + 1);
	CHECK(do_open("/lib/glibc-hwcaps/x86-64-v3/liba.so") == -ENOENT);
	CHECK(do_open("/lib/tls/liba.so") == -ENOENT);
	CHECK(do_open("/lib/stls/liba.so") == FD);
	CHECK(do_open("/lib/glibc-hwcaps-x/liba.so") == FD);
	CHECK(do_open("/none/libc.so") == -ENOENT);
	CHECK(do_open("/none/liba.so/") == -ENOENT);
	CHECK(do_open("") == -ENOENT);
	CHECK(do_open(0) == -EFAULT);
	long fd = do_open("/dev/null");
	CHECK(fd >= 0 && fd < 1000);
	CHECK(call(SYS_close, fd, 0, 0, 0, 0, 0) == 0);
	CHECK(call(SYS_close, fd, 0, 0, 0, 0, 0) == -EBADF);
	config->flags = 1;
	CHECK(do_open("/dev/null") == -ENOENT);
	CHECK(do_open("/lib/liba.so") == FD);
	config->flags = 0;
	CHECK(call(SYS_close, FD, 0, 0, 0, 0, 0) == 0);
	CHECK(call(SYS_close, FD + 3, 0, 0, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_close, -1, 0, 0, 0, 0, 0) == -EBADF);
}

static void asking(void)
{
	struct stat a, b, c, d;
	memset(&a, 1, sizeof a);
	CHECK(call(SYS_fstat, FD, (long)&a, 0, 0, 0, 0) == 0);
	CHECK(S_ISREG(a.st_mode) && a.st_size == 5000 && a.st_nlink == 1 && a.st_uid == 0 && a.st_blksize == 4096);
	CHECK(call(SYS_fstat, FD + 1, (long)&b, 0, 0, 0, 0) == 0);
	CHECK(a.st_dev == b.st_dev && a.st_ino != b.st_ino && a.st_dev >> 32 != 0);
	CHECK(call(SYS_newfstatat, FD + 2, (long)"", (long)&c, AT_EMPTY_PATH, 0, 0) == 0);
	CHECK(c.st_ino == a.st_ino && c.st_dev == a.st_dev);
	CHECK(call(SYS_newfstatat, AT_FDCWD, (long)"/no/such/directory", (long)&d, 0, 0, 0) == 0 && S_ISDIR(d.st_mode));
	CHECK(call(SYS_newfstatat, AT_FDCWD, (long)"/lib/glibc-hwcaps/x86-64-v2", (long)&d, 0, 0, 0) == -ENOENT);
	CHECK(call(SYS_newfstatat, AT_FDCWD, (long)"/lib/tls", (long)&d, 0, 0, 0) == -ENOENT);
	CHECK(call(SYS_fstat, FD + 3, (long)&d, 0, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_fstat, 0x7fefffff, (long)&d, 0, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_newfstatat, -7, (long)"", (long)&d, AT_EMPTY_PATH, 0, 0) == -EBADF);
#ifdef SYS_stat
	CHECK(call(SYS_stat, (long)"/no/such/directory", (long)&d, 0, 0, 0, 0) == 0 && S_ISDIR(d.st_mode));
	CHECK(call(SYS_lstat, (long)"/lib/tls/x86_64", (long)&d, 0, 0, 0, 0) == -ENOENT);
#endif
	/*
	 * A directory for special processors that exists on the machine: unless the file is closed, it may find libraries
	 * there.
	 */
	char special[64] = "/tmp/handler-XXXXXX";
	CHECK(mkdtemp(special) != 0);
	size_t end = strlen(special);
	strcat(special, "/tls");
	CHECK(mkdir(special, 0700) == 0);
	for (config->flags = 0; config->flags < 2; config->flags++) {
		long want = config->flags ? -ENOENT : 0;
		memset(&d, 0, sizeof d);
		CHECK(call(SYS_newfstatat, AT_FDCWD, (long)special, (long)&d, 0, 0, 0) == want && !S_ISDIR(d.st_mode) == !!want);
		CHECK(registers_kept && d.st_dev >> 32 == 0);
#ifdef SYS_stat
		memset(&d, 0, sizeof d);
		CHECK(call(SYS_stat, (long)special, (long)&d, 0, 0, 0, 0) == want && !S_ISDIR(d.st_mode) == !!want);
#endif
	}
	config->flags = 0;
	rmdir(special);
	special[end] = 0;
	rmdir(special);
	int real = open("/dev/null", O_RDONLY);
	CHECK(call(SYS_fstat, real, (long)&d, 0, 0, 0, 0) == 0 && S_ISCHR(d.st_mode));
	close(real);
}

static void reading(void)
{
	char buffer[6000];
	CHECK(do_open("liba.so") == FD);
	CHECK(call(SYS_read, FD, (long)buffer, 832, 0, 0, 0) == 832 && !memcmp(buffer, plain, 832));
	CHECK(call(SYS_read, FD, (long)buffer, 7, 0, 0, 0) == 7 && !memcmp(buffer, plain + 832, 7));
	CHECK(call(SYS_read, FD, (long)buffer, 6000, 0, 0, 0) == 5000 - 839);
	CHECK(call(SYS_read, FD, (long)buffer, 6000, 0, 0, 0) == 0);
	CHECK(call(SYS_read, FD, (long)buffer, 0, 0, 0, 0) == 0);
	CHECK(do_open("liba.so") == FD && call(SYS_read, FD, (long)buffer, 1, 0, 0, 0) == 1 && buffer[0] == plain[0]);
	CHECK(call(SYS_pread64, FD + 1, (long)buffer, 100, 4000, 0, 0) == 100 && !memcmp(buffer, plain + 2 * PAGE + 4000, 100));
	CHECK(call(SYS_pread64, FD + 1, (long)buffer, 100, 9950, 0, 0) == 50);
	CHECK(call(SYS_pread64, FD + 1, (long)buffer, 100, 10000, 0, 0) == 0);
	CHECK(call(SYS_pread64, FD + 1, (long)buffer, 100, -1, 0, 0) == -EINVAL);
	CHECK(call(SYS_pread64, FD + 1, (long)buffer, -1, 9999, 0, 0) == 1);
	CHECK(call(SYS_pread64, FD + 3, (long)buffer, 100, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_read, FD + 5, (long)buffer, 100, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_read, 0x1234567, (long)buffer, 100, 0, 0, 0) == -EBADF);
}

/* Map as the loader does: the whole, then text, then data in another place than the whole has it. */
static void mapping(int is_closed_between)
{
	long base;
	for (int round = 0; round < 3; round++) {
		CHECK(do_open("libb.so") == FD + 1);
		CHECK(call(SYS_read, FD + 1, (long)(char[64]){0}, 64, 0, 0, 0) == 64);
		base = do_map(0, 6 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0);
		CHECK(base > 0 && !memcmp((char *)base, plain + 2 * PAGE, PAGE));
		CHECK(do_map(base + PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, FD + 1, PAGE) == base + PAGE);
		CHECK(!memcmp((char *)base + PAGE, plain + 3 * PAGE, PAGE));
		CHECK(do_map(base + 3 * PAGE, 900, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, FD + 1, 2 * PAGE) == base + 3 * PAGE);
		CHECK(!memcmp((char *)base + 3 * PAGE, plain + 4 * PAGE, 900));
		((char *)base)[3 * PAGE] ^= 1;
		CHECK(do_map(base + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == base + 4 * PAGE);
		CHECK(((char *)base)[4 * PAGE] == 0);
		if (is_closed_between) {
			CHECK(call(SYS_close, FD + 1, 0, 0, 0, 0, 0) == 0);
			CHECK(munmap((void *)base, 6 * PAGE) == 0);
		}
	}
	/* A span that reaches past everything inside. */
	CHECK(do_open("libb.so") == FD + 1);
	base = do_map(0, 100 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0);
	CHECK(base > 0 && !memcmp((char *)base, plain + 2 * PAGE, PAGE) && !readable((char *)base + 50 * PAGE));
	CHECK(do_map(base + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, FD + 1, 2 * PAGE) == base + 2 * PAGE);
	CHECK(!memcmp((char *)base + 2 * PAGE, plain + 4 * PAGE, PAGE));
	/* At a fixed address, as for segments aligned to more than a page. */
	CHECK(do_open("libb.so") == FD + 1);
	CHECK(do_map(base, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, FD + 1, 0) == base);
	CHECK(!memcmp((char *)base, plain + 2 * PAGE, PAGE));
	CHECK(do_map(0, 0, PROT_READ, MAP_PRIVATE, FD + 1, 0) == -EINVAL);
	CHECK(do_map(0, -1, PROT_READ, MAP_PRIVATE, FD + 1, 0) == -EINVAL);
	CHECK(do_map(0, PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 12) == -EINVAL);
	CHECK(do_map(0, PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 3 * PAGE) == -EINVAL);
	CHECK(do_map(0, PAGE, PROT_READ, MAP_PRIVATE, FD + 1, -PAGE) == -EINVAL);
	CHECK(do_map(0, PAGE, PROT_READ, MAP_PRIVATE, FD + 3, 0) == -EBADF);
	CHECK(do_map(0, PAGE, PROT_READ, MAP_PRIVATE, 999, 0) == -EBADF);
	munmap((void *)base, 100 * PAGE);
}

/*
 * libb.so at a fixed address: its first page is as in the file, three pages of memory follow, the rest of the file is at
 * page 7 of the range. It is mapped in place once, then anywhere, as the file has it.
 */
static void placing(void)
{
	char buffer[2 * PAGE], *ready = mmap(0, RANGE, PROT_READ, MAP_PRIVATE, file, 0);
	struct library *b = &config->libraries[1];
	long place = (long)ready + 2 * PAGE;
	config->place = ready - (char *)config;
	config->front = config->back;
	b->cut = PAGE;
	b->rest = 7 * PAGE;
	b->span = 4 * PAGE;
	state->is_old = 0;
	memset(state->of, 0, sizeof state->of);
	for (int round = 0; round < 3; round++) {
		CHECK(do_open("libb.so") == FD + 1);
		CHECK(call(SYS_read, FD + 1, (long)buffer, 2 * PAGE, 0, 0, 0) == 2 * PAGE);
		CHECK(!memcmp(buffer, plain + 2 * PAGE, PAGE) && !memcmp(buffer + PAGE, plain + 7 * PAGE, PAGE));
		CHECK(call(SYS_pread64, FD + 1, (long)buffer, 16, PAGE - 3, 0, 0) == 16);
		CHECK(!memcmp(buffer, plain + 3 * PAGE - 3, 3) && !memcmp(buffer + 3, plain + 7 * PAGE, 13));
		/* Other libraries are not in place. */
		CHECK(do_open("liba.so") == FD);
		long other = do_map(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, FD, 0);
		CHECK(other > 0 && !memcmp((char *)other, plain, 5000));
		munmap((void *)other, 2 * PAGE);
		CHECK(do_open("libb.so") == FD + 1);
		if (round == 2) state->is_old = 1;
		long base = do_map(0, 4 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0);
		CHECK(base > 0 && (round || base == place) && !memcmp((char *)base, plain + 2 * PAGE, PAGE));
		CHECK(do_map(base + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, FD + 1, PAGE) == base + 2 * PAGE);
		CHECK(!memcmp((char *)base + 2 * PAGE, round ? plain + 7 * PAGE : plain + 4 * PAGE, PAGE));
		((char *)base)[2 * PAGE] ^= 1;
		/* At the same distance as in the file, but what mapping the whole put there is not the file's. */
		if (round) {
			CHECK(do_map(base + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, FD + 1, PAGE) == base + PAGE);
			CHECK(!memcmp((char *)base + PAGE, plain + 7 * PAGE, PAGE));
		}
		CHECK(call(SYS_close, FD + 1, 0, 0, 0, 0, 0) == 0);
		CHECK(munmap((void *)base, 4 * PAGE) == 0);
	}
	CHECK(!memcmp(back + 7 * PAGE, plain + 7 * PAGE, PAGE));
	/* Longer than what is ready, and elsewhere than it is: not in place. */
	state->is_old = 0;
	state->of[1].placed = 0;
	CHECK(do_open("libb.so") == FD + 1);
	long base = do_map(0, 5 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0);
	CHECK(base > 0 && base != place);
	state->of[1].placed = 0;
	CHECK(do_open("libb.so") == FD + 1);
	CHECK(do_map(base, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, FD + 1, 0) == base);
	munmap((void *)base, 5 * PAGE);
}

/* glibc 2.35 reserves room first if segments are aligned to more than a page. */
static void reserving(void)
{
	char *ready = mmap(0, RANGE, PROT_READ, MAP_PRIVATE, file, 0);
	long place = (long)ready + 2 * PAGE, other;
	config->place = ready - (char *)config;
	state->of[1].placed = 0;
	CHECK(do_open("libb.so") == FD + 1);
	other = do_map(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other > 0 && other != place);
	munmap((void *)other, PAGE);
	CHECK(do_map(0, 6 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == place);
	CHECK(do_map(place, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, FD + 1, 0) == place);
	CHECK(!memcmp((char *)place, plain + 2 * PAGE, PAGE));
	other = do_map(0, 6 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other > 0 && other != place);
	munmap((void *)other, 6 * PAGE);
	CHECK(call(SYS_close, FD + 1, 0, 0, 0, 0, 0) == 0);
	/* A file of the machine is open: the room is not for what is inside. */
	state->of[1].placed = 0;
	CHECK(do_open("libb.so") == FD + 1);
	CHECK(call(SYS_close, FD + 1, 0, 0, 0, 0, 0) == 0);
	other = do_map(0, 6 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other > 0 && other != place);
	munmap((void *)other, 6 * PAGE);
}

/* Errors from the kernel are passed on. */
static void refusing(void)
{
	struct rlimit limit = {1 << 20, RLIM_INFINITY}, old;
	getrlimit(RLIMIT_AS, &old);
	setrlimit(RLIMIT_AS, &limit);
	CHECK(do_open("libb.so") == FD + 1);
	CHECK(do_map(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0) == -ENOMEM);
	CHECK(do_map(0, 100 * PAGE, PROT_READ, MAP_PRIVATE, FD + 1, 0) == -ENOMEM);
	limit.rlim_cur = old.rlim_cur;
	setrlimit(RLIMIT_AS, &limit);
}

int main(int argc, char **argv)
{
	static char bytes[8192];
	int fd = open(argv[1], O_RDONLY);
	if (argc < 3 || fd < 0) return 2;
	long size = read(fd, bytes, sizeof bytes - 1024);
	code = mmap(0, 16384, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(code, bytes, size);
	fd = file = open(argv[2], O_RDONLY);
	front = mmap(0, RANGE, PROT_READ, MAP_PRIVATE, fd, 0);
	back = mmap(0, RANGE, PROT_READ, MAP_PRIVATE, fd, 0);
	plain = malloc(RANGE);
	if (pread(fd, plain, RANGE, 0) != RANGE) return 2;
	state = calloc(1, PAGE);
	config = (struct config *)(code + size);
	char *here = (char *)config, *names = (char *)(config + 1);
	config->state = (char *)state - here;
	config->front = front - here;
	config->back = back - here;
	config->place = config->front;
	config->size = RANGE;
	config->count = 3;
	const char *name[] = {"liba.so", "libb.so", "second-name.so"};
	uint64_t offset[] = {0, 2 * PAGE, 0}, sizes[] = {5000, 10000, 5000};
	for (int i = 0; i < 3; i++) {
		strcpy(names, name[i]);
		config->libraries[i] = (struct library){hash_of(name[i]), names - here, offset[i], sizes[i], PAGE, RANGE, 0, 0};
		names += strlen(names) + 1;
	}
	__builtin___clear_cache(code, code + 16384);
	opening();
	asking();
	reading();
	mapping(1);
	if (!getenv("EMULATED")) {
		CHECK(state->is_old == 0);
		refusing();
	}
	state->is_old = 1;
	mapping(1);
	CHECK(state->of[1].moved == 2);
	reading();
	/* Act as mremap does before Linux 5.13: pages that are gone are copied. */
	state->is_old = 1;
	mapping(0);
	placing();
	reserving();
	printf("%d cases, %d failed\n", cases, failures);
	return failures != 0;
}
