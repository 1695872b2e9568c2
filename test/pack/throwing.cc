/* A library that throws, with a thread-local variable of its own. */
#include <stdexcept>

thread_local int value = 100;

extern "C" int throw_something(int yes)
{
	if (yes)
		throw std::runtime_error("from the library");
	return 0;
}

extern "C" int thread_value()
{
	return value;
}
