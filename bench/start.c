/*
 * start ROUNDS COMMAND...: start each command in turn, ROUNDS times; print for each the lower quartile of its CPU time
 * and of its wall time in microseconds, and the page faults of the last round. Starting commands from a small C program
 * costs little, and the same for all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double of(struct timeval t) { return t.tv_sec * 1e6 + t.tv_usec; }

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int rounds = atoi(argv[1]), count = argc - 2;
	long faults[64] = {0};
	double *cpu = calloc(rounds * count, sizeof *cpu), *wall = calloc(rounds * count, sizeof *wall);
	char *words[64][16] = {0};
	for (int j = 0; j < count; j++) {
		int i = 0;
		for (char *word = strtok(strdup(argv[j + 2]), " "); word && i < 15; word = strtok(0, " "))
			words[j][i++] = word;
	}
	for (int round = -2; round < rounds; round++)
		for (int j = 0; j < count; j++) {
			double start = now();
			pid_t child = vfork();
			if (child == 0) {
				int null = open("/dev/null", O_RDWR);
				dup2(null, 1);
				dup2(null, 2);
				execv(words[j][0], words[j]);
				_exit(127);
			}
			int status;
			struct rusage usage;
			wait4(child, &status, 0, &usage);
			if (!WIFEXITED(status) || WEXITSTATUS(status) == 127) {
				fprintf(stderr, "%s does not start\n", argv[j + 2]);
				return 1;
			}
			if (round < 0) continue;
			wall[j * rounds + round] = now() - start;
			faults[j] = usage.ru_minflt;
			cpu[j * rounds + round] = of(usage.ru_utime) + of(usage.ru_stime);
		}
	for (int j = 0; j < count; j++) {
		qsort(cpu + j * rounds, rounds, sizeof *cpu, compare);
		qsort(wall + j * rounds, rounds, sizeof *wall, compare);
		printf("%.0f %.0f %ld\n", cpu[j * rounds + rounds / 4], wall[j * rounds + rounds / 4], faults[j]);
	}
}
