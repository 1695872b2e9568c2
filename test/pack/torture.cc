/*
 * Everything that might work in a plain program but not in a packed one. Prints "ok", or what failed first.
 */
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" int throw_something(int yes);
extern "C" int thread_value();

static int constructed;
struct Static {
	Static() { constructed++; }
	~Static() { fflush(stdout); (void)!write(1, "destroyed\n", 10); }
} object;
static thread_local int own = 7;

#ifdef __x86_64__
extern "C" {
static int with() { return 1; }
static int without() { return 2; }
static int (*choose())() { __builtin_cpu_init(); return __builtin_cpu_supports("sse2") ? with : without; }
int chosen() __attribute__((ifunc("choose")));
}
#else
static int chosen() { return 1; }
#endif

static void fail(const char *what)
{
	const char *why = dlerror();
	printf("failed: %s %s\n", what, why ? why : "");
	exit(1);
}

static void threads()
{
	std::atomic<int> sum{0};
	std::vector<std::thread> all;
	for (int i = 0; i < 8; i++)
		all.emplace_back([&] {
			own++;
			sum += own + thread_value();
			try { throw_something(1); } catch (const std::exception &) { sum += 1000; }
		});
	for (auto &one : all)
		one.join();
	if (sum != 8 * (8 + 100 + 1000))
		fail("threads");
}

static void plugins()
{
	for (int i = 0; i < 3; i++) {
		void *handle = dlopen("libplugin.so", RTLD_NOW);
		if (!handle) fail("dlopen");
		auto plugin = (int (*)())dlsym(handle, "plugin");
		if (!plugin || plugin() != 42) fail("plugin");
		if (dlclose(handle)) fail("dlclose");
	}
	Dl_info info;
	if (!dladdr((void *)throw_something, &info) || strcmp(info.dli_sname, "throw_something")) fail("dladdr");
	void *handle = dlmopen(LM_ID_NEWLM, "libplugin.so", RTLD_NOW);
	if (!handle) fail("dlmopen");
	if (((int (*)())dlsym(handle, "plugin"))() != 42) fail("plugin in a namespace of its own");
	if (dlopen("libnothing.so.9", RTLD_NOW)) fail("a library that does not exist");
	dlerror();
}

static char stack_bytes[1 << 16];
static volatile sig_atomic_t on_stack;
static void handler(int)
{
	char here;
	on_stack = &here > stack_bytes && &here < stack_bytes + sizeof stack_bytes;
}

static void signals()
{
	stack_t stack = {};
	stack.ss_sp = stack_bytes;
	stack.ss_size = sizeof stack_bytes;
	struct sigaction action = {};
	action.sa_handler = handler;
	action.sa_flags = SA_ONSTACK;
	if (sigaltstack(&stack, nullptr) || sigaction(SIGUSR1, &action, nullptr) || raise(SIGUSR1) || !on_stack)
		fail("signal on another stack");
}

static void again(const char *program)
{
	if (access("/proc/self/exe", X_OK))
		return;
	pid_t child = fork();
	if (child == 0) {
		execl("/proc/self/exe", program, "child", (char *)nullptr);
		_exit(1);
	}
	int status;
	if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 33)
		fail("exec of itself");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		_exit(strcmp(argv[0], "any name") ? 34 : 33);
	if (constructed != 1) fail("static constructor");
	try {
		throw_something(1);
		fail("throw");
	} catch (const std::runtime_error &error) {
		if (error.what() != std::string("from the library")) fail("catch");
	}
	threads();
	plugins();
	void *frames[10];
	if (backtrace(frames, 10) < 2) fail("backtrace");
	signals();
	if (chosen() != 1) fail("IFUNC");
	again("any name");
	puts("ok");
}
