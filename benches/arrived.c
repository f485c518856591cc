// How long a program takes until it has started another one.
//
//   arrived FILE                       writes the time into a file: what the program is to start
//   arrived FILE TIMES PROGRAM [ARG…]  starts a program that does so, and prints the mean of the
//                                      milliseconds from there to what is in the file
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int count, char **words) {
  if (count < 2) return 2;
  if (count == 2) {
    FILE *file = fopen(words[1], "w");
    if (!file) return 1;
    fprintf(file, "%.6f\n", milliseconds());
    return fclose(file) ? 1 : 0;
  }
  int times = atoi(words[2]);
  double sum = 0;
  for (int at = 0; at < times; at++) {
    int status;
    pid_t child;
    double arrived;
    unlink(words[1]);
    double begun = milliseconds();
    if (posix_spawn(&child, words[3], NULL, NULL, words + 3, environ)) return 1;
    if (waitpid(child, &status, 0) < 0 || status) return 1;
    FILE *file = fopen(words[1], "r");
    if (!file || fscanf(file, "%lf", &arrived) != 1) return 1;
    fclose(file);
    sum += arrived - begun;
  }
  printf("%.4f\n", sum / times);
  return 0;
}
