#ifndef LOSSD_SERVER_THREADS_HAND_OVER_H_
#define LOSSD_SERVER_THREADS_HAND_OVER_H_

#if defined(__SANITIZE_THREAD__) || defined(LOSSD_TELLS_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#define LOSSD_HAS_THREAD_SANITIZER
#endif

namespace lossd {

// What a thread did before GiveOver(place) has happened before what another does after
// TakeOver(place). These tell ThreadSanitizer what a library that is compiled without it sees to,
// and do nothing without that tool.
inline void GiveOver([[maybe_unused]] void* place) {
#ifdef LOSSD_HAS_THREAD_SANITIZER
  __tsan_release(place);
#endif
}

inline void TakeOver([[maybe_unused]] void* place) {
#ifdef LOSSD_HAS_THREAD_SANITIZER
  __tsan_acquire(place);
#endif
}

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_HAND_OVER_H_
