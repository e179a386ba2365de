#ifndef LOSSD_SERVER_KERNELS_SIMD_INLINING_H_
#define LOSSD_SERVER_KERNELS_SIMD_INLINING_H_

// Makes a function part of the loop that calls it. A call would lose constants among its arguments,
// or send the loop's registers by way of memory.
#define LOSSD_ALWAYS_INLINE __attribute__((always_inline))

// Keeps a function out of its callers, where it would take registers from their loops.
#define LOSSD_NOINLINE __attribute__((noinline))

// Makes everything that a function calls part of it. In a unit as large as one set's kernels GCC
// soon stops inlining, and each call sends the registers by way of memory. Sanitizers' checks make
// such a function take minutes to compile, so that it does nothing under them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOSSD_FLATTEN
#else
#define LOSSD_FLATTEN __attribute__((flatten))
#endif

#endif  // LOSSD_SERVER_KERNELS_SIMD_INLINING_H_
