/* A plugin with a constructor and a thread-local variable. */
static __thread int value = 41;
static int started;

__attribute__((constructor)) static void start(void)
{
	started = 1;
}

int plugin(void)
{
	int result = value + started;
	value = 41;
	return result;
}
