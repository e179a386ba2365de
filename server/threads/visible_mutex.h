#ifndef LOSSD_SERVER_THREADS_VISIBLE_MUTEX_H_
#define LOSSD_SERVER_THREADS_VISIBLE_MUTEX_H_

#include <pthread.h>

#include <ctime>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lossd {

// What this project uses of absl::Mutex, made of POSIX calls alone and in a header: what calls them
// is compiled with the program, and a sanitizer of the program sees them. It wakes all that wait
// whenever it is unlocked, so it is slower where threads wait for conditions. See mutex.h.
class ABSL_LOCKABLE VisibleMutex {
 public:
  VisibleMutex() = default;
  ~VisibleMutex() {
    pthread_cond_destroy(&unlocked_);
    pthread_mutex_destroy(&mutex_);
  }
  VisibleMutex(const VisibleMutex&) = delete;
  VisibleMutex& operator=(const VisibleMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mutex_); }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Before: the mutex may be gone as soon as another thread has had it.
    if (waiting_ > 0) pthread_cond_broadcast(&unlocked_);
    pthread_mutex_unlock(&mutex_);
  }

  void LockWhen(const absl::Condition& condition) ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    Lock();
    Await(condition);
  }

  // Unlocks until the condition is true.
  void Await(const absl::Condition& condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    AwaitWithDeadline(condition, absl::InfiniteFuture());
  }

  // Does the same, and returns false if the condition is not true at the deadline.
  bool AwaitWithDeadline(const absl::Condition& condition, absl::Time deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    // Others may wait for what this thread has changed.
    if (waiting_ > 0) pthread_cond_broadcast(&unlocked_);
    bool in_time = true;
    while (!condition.Eval()) {
      if (!in_time) return false;
      in_time = WaitForUnlock(deadline);
    }
    return true;
  }

  bool AwaitWithTimeout(const absl::Condition& condition, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return AwaitWithDeadline(condition, absl::Now() + timeout);
  }

  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  // Returns false at the deadline.
  bool WaitForUnlock(absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    ++waiting_;
    const timespec time = absl::ToTimespec(deadline);
    const int error = deadline == absl::InfiniteFuture()
                          ? pthread_cond_wait(&unlocked_, &mutex_)
                          : pthread_cond_timedwait(&unlocked_, &mutex_, &time);
    --waiting_;
    return error == 0;
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t unlocked_ = PTHREAD_COND_INITIALIZER;
  int waiting_ = 0;  // while mutex_ is held
};

// Holds a VisibleMutex as long as it lives, as absl::MutexLock does its own.
class ABSL_SCOPED_LOCKABLE VisibleMutexLock {
 public:
  explicit VisibleMutexLock(VisibleMutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_->Lock();
  }
  VisibleMutexLock(VisibleMutex* mutex, const absl::Condition& condition)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_->LockWhen(condition);
  }
  ~VisibleMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  VisibleMutexLock(const VisibleMutexLock&) = delete;
  VisibleMutexLock& operator=(const VisibleMutexLock&) = delete;

 private:
  VisibleMutex* const mutex_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_VISIBLE_MUTEX_H_
