// A thread of its own for one call that may block long. libuv's pool has few threads for all of a process.
#pragma once
#include <pthread.h>

#include <csignal>
#include <cstddef>

/// Runs `run(data)` in a detached thread. @returns 0, or an errno when there is no thread to be had
inline int startThread(void* (*run)(void*), void* data, size_t stackBytes) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stackBytes);
  // Signals are the main thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  error = pthread_create(&thread, &attributes, run, data);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}
