// The least that running commands can cost: starts COUNT times a program, AT_ONCE at a time, reads
// what it writes to both of its outputs, and learns its end from a pidfd, since a process that it
// leaves behind may keep the pipes open.
//
//   spawner COUNT AT_ONCE PROGRAM [ARGUMENT…]
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// The descriptors of a command: its two outputs, and its end.
enum { OUT, ERR, END, DESCRIPTORS };

struct command {
  pid_t id;
  int descriptors[DESCRIPTORS];
  int open;
};

static int nothing, poller;

static void or_stop(int failed, const char *what) {
  if (failed) {
    perror(what);
    exit(1);
  }
}

static void watch(struct command *all, int slot, int which) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)slot << 2 | which};
  int descriptor = all[slot].descriptors[which];
  or_stop(epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) < 0, "epoll_ctl");
}

static void start(struct command *all, int slot, char **words) {
  struct command *command = &all[slot];
  int out[2], err[2];
  or_stop(pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0, "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, nothing, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  or_stop(posix_spawn(&command->id, words[0], &actions, NULL, words, environ), words[0]);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  command->descriptors[OUT] = out[0];
  command->descriptors[ERR] = err[0];
  command->descriptors[END] = syscall(SYS_pidfd_open, command->id, 0);
  command->open = DESCRIPTORS;
  for (int which = 0; which < DESCRIPTORS; which++) watch(all, slot, which);
}

// Whether the command has ended with this.
static int handle(struct command *command, int which) {
  static char buffer[65536];
  int descriptor = command->descriptors[which];
  if (which == END) {
    waitpid(command->id, NULL, 0);
  } else if (read(descriptor, buffer, sizeof buffer) > 0) {
    return 0;
  }
  // A child that has not become another program yet holds a copy, which would go on reporting.
  epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL);
  close(descriptor);
  return --command->open == 0;
}

int main(int count, char **words) {
  if (count < 4) return 2;
  int left = atoi(words[1]), at_once = atoi(words[2]), running = 0;
  struct command *all = calloc(at_once, sizeof *all);
  struct epoll_event events[64];
  nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  poller = epoll_create1(EPOLL_CLOEXEC);
  for (int slot = 0; slot < at_once && left > 0; slot++, left--, running++) {
    start(all, slot, words + 3);
  }
  while (running > 0) {
    int ready = epoll_wait(poller, events, 64, -1);
    for (int at = 0; at < ready; at++) {
      int slot = events[at].data.u64 >> 2, which = events[at].data.u64 & 3;
      if (!handle(&all[slot], which)) continue;
      running--;
      if (left > 0) {
        start(all, slot, words + 3);
        left--, running++;
      }
    }
  }
  return 0;
}
