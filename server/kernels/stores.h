#ifndef LOSSD_SERVER_KERNELS_STORES_H_
#define LOSSD_SERVER_KERNELS_STORES_H_

namespace lossd::kernels {

// How large results are written. Streaming stores go past the caches, which pays where the results
// as a whole do not fit in them; the bits are the same. They are in no order with other stores
// until FinishStreaming, after which other threads may be told of them.
enum class Stores { kCached, kStreaming };

// Orders streaming stores before the stores that follow. The thread that ran the kernels calls it
// once for many calls of them: it is too slow for each.
void FinishStreaming(Stores stores);

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_STORES_H_
