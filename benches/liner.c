// Writes lines at a rate, as a program does that reports what it does: so many a second, in groups
// every 10 ms, for so many seconds.
//
//   liner LINES_A_SECOND SECONDS
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int count, char **words) {
  if (count != 3) return 2;
  int group = atoi(words[1]) / 100;
  long groups = atol(words[2]) * 100;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long at = 0; at < groups; at++) {
    for (int line = 0; line < group; line++)
      printf("line %ld of a program that reports\n", at * group + line);
    fflush(stdout);
    next.tv_nsec += 10 * 1000 * 1000;
    if (next.tv_nsec >= 1000 * 1000 * 1000) {
      next.tv_nsec -= 1000 * 1000 * 1000;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return 0;
}
