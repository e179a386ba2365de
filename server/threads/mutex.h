#ifndef LOSSD_SERVER_THREADS_MUTEX_H_
#define LOSSD_SERVER_THREADS_MUTEX_H_

#include "absl/synchronization/mutex.h"
#include "server/threads/visible_mutex.h"

namespace lossd {

// The mutex of this project, with absl::Mutex's interface, thread annotations and absl::Condition.
// Under ThreadSanitizer it is one whose hand-overs that tool sees: Debian's absl::Mutex is compiled
// without it, so that whatever it guards would look like a race.
#ifdef __SANITIZE_THREAD__
using Mutex = VisibleMutex;
using MutexLock = VisibleMutexLock;
#else
using Mutex = absl::Mutex;
using MutexLock = absl::MutexLock;
#endif

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_MUTEX_H_
