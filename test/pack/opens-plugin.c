/* Opens a plugin three times, or once with ONCE in the environment, uses the maths library, and says where it is. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int c, char **v)
{
	for (int i = getenv("ONCE") ? 2 : 0; i < 3; i++) {
		void *h = dlopen("libplugin.so", RTLD_NOW);
		if (!h || ((int (*)(void))dlsym(h, "plugin"))() != 42 || dlclose(h)) return printf("%s\n", dlerror()), 1;
	}
	printf("%.2f %p\n", cos(c), (void *)main);
}
