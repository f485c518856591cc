// Runs a program again and again and writes what that took: seconds of wall, of user and of system
// time, and the peak of its memory in KiB. A launcher in Python would be in those figures, its
// memory in that of every program that it starts.
//
//   measure FILE TIMES PROGRAM [ARGUMENT…]
//
// The processor time is that of all processes below it, also of those that outlive the program.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double seconds(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words) {
  if (count < 4) return 2;
  // What is left of a program comes here when it ends.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  double wall = 0;
  long peak = 0;
  int status = 0;
  for (int times = atoi(words[2]); times > 0; times--) {
    pid_t child;
    struct rusage used;
    double begun = now();
    if (posix_spawnp(&child, words[3], NULL, NULL, words + 3, environ)) {
      perror(words[3]);
      return 2;
    }
    wait4(child, &status, 0, &used);
    wall += now() - begun;
    if (used.ru_maxrss > peak) peak = used.ru_maxrss;
  }
  while (wait(NULL) > 0) {
  }
  struct rusage all;
  getrusage(RUSAGE_CHILDREN, &all);
  FILE *file = fopen(words[1], "w");
  if (!file) return 2;
  fprintf(file, "%.6f %.6f %.6f %ld\n", wall, seconds(all.ru_utime), seconds(all.ru_stime), peak);
  fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
