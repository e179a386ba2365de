#ifndef LOSSD_SERVER_KERNELS_WORKSPACE_H_
#define LOSSD_SERVER_KERNELS_WORKSPACE_H_

#include <cstdint>

namespace lossd::kernels {

// Buffers whose names say "padded" hold a multiple of this many elements, so that no loop has a
// tail. A sum over classes keeps as many partial sums, whatever the width of the registers: AVX2
// and AVX-512 give the same bits.
inline constexpr int64_t kLanes = 16;

// Classes are read in chunks of this many, which the caches closest to the CPU keep from one pass
// over them to the next. Float partial sums grow no longer than a chunk either.
inline constexpr int64_t kChunkClasses = 2048;

constexpr int64_t PaddedSize(int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

// Classes that are not next to each other can be no more than these.
inline constexpr int64_t kMaxStridedClasses = 32;

// Rows are computed in groups of about this many elements, or one by one.
inline constexpr int64_t kGroupElements = 4096;

// Returns the room for a number for each chunk of kChunkClasses that the rows of a group have.
constexpr int64_t ChunkNumbersSize(int64_t class_count) {
  return PaddedSize(class_count / kChunkClasses + kLanes);
}

// Returns the room for a group's exponentials, kLanes elements more that may be read, and its chunk
// numbers.
constexpr int64_t GroupWorkspaceSize(int64_t class_count) {
  const int64_t exponentials = class_count > kGroupElements ? class_count : kGroupElements;
  return PaddedSize(exponentials) + kLanes + ChunkNumbersSize(class_count);
}

// Longer rows are not reduced while the one before is written: together they would not stay in a
// cache.
inline constexpr int64_t kMaxClassesInTurn = int64_t{1} << 16;

// Returns the elements of ClassIdRows::workspace: two groups in turn, or one, and as many as it
// takes to begin with a cache line.
constexpr int64_t RowWorkspaceSize(int64_t class_count) {
  const int64_t groups = class_count > kMaxClassesInTurn ? 1 : 2;
  return groups * GroupWorkspaceSize(class_count) + kLanes;
}

// Returns the elements of a number for each class of a group's rows.
constexpr int64_t CapWorkspaceSize(int64_t class_count) {
  return GroupWorkspaceSize(class_count) - ChunkNumbersSize(class_count);
}

// Returns the elements of ClassIdRows::workspace where rows are shaped: with three numbers more for
// each chunk, and for each class where logits are capped.
constexpr int64_t ShapedWorkspaceSize(int64_t class_count, double softcap) {
  return RowWorkspaceSize(class_count) + 3 * ChunkNumbersSize(class_count) +
         (softcap == 0 ? 0 : 2 * CapWorkspaceSize(class_count));
}

// Returns the elements of TargetRows::workspace: for each group in turn its exponentials and a
// number for each class, and once more such numbers.
constexpr int64_t TargetWorkspaceSize(int64_t class_count) {
  const int64_t groups = class_count > kMaxClassesInTurn ? 1 : 2;
  return (2 * groups + 1) * GroupWorkspaceSize(class_count) + kLanes;
}

// Rows of at most kMaxStridedClasses classes are computed in tiles of up to this many.
inline constexpr int64_t kMostTileRows = 64;

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_WORKSPACE_H_
